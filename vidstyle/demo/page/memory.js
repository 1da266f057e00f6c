// What a visitor has chosen in each tab, kept in their browser; see remembered.py for what Gradio's controls get of it.
const PLACE = "vidstyle";

function all() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {}; // not allowed here, or written by something else
  }
}

export const recalled = (tab) => all()[tab] ?? {};

export function remember(tab, what) {
  const kept = all();
  try {
    localStorage.setItem(PLACE, JSON.stringify({ ...kept, [tab]: { ...kept[tab], ...what } }));
  } catch { /* not allowed here */ }
}

document.addEventListener("vs-look", ({ detail: { tab, controls } }) => remember(tab, { controls }));
