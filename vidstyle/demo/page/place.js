// Where one is: the tab and its style stand in the address, as in #webcam/great_wave.  So links lead there, Back goes to
// the tab before, and a reload stays.
import { made } from "./own.js";

const FIRST = "webcam";
const root = document.documentElement;

function address() {
  let words = location.hash.slice(1);
  try { words = decodeURIComponent(words); } catch { /* as it is */ }
  const cut = words.indexOf("/");
  return cut < 0 ? { tab: words, style: "" } : { tab: words.slice(0, cut), style: words.slice(cut + 1) };
}

const written = (tab, style) => `#${tab}${style ? `/${encodeURIComponent(style).replaceAll("%3A", ":").replaceAll("%2B", "+")}` : ""}`;
const pickerIn = (tab) => document.querySelector(`#panel-${tab} vs-picker`);

export const currentTab = () => root.dataset.tab ?? FIRST;
export const styleInAddress = (tab) => (address().tab === tab ? address().style : "");

// Another style of the tab that shows; the way back leads to the tab before, not through all that was tried.
export function noteStyle(tab, style) {
  if (tab === currentTab()) history.replaceState(null, "", written(tab, style));
}

export function goTo(tab, style = "") {
  if (tab === currentTab() && !style) return;
  history.pushState(null, "", written(tab, style || pickerIn(tab)?.chosen));
  arrive();
}

function arrive() {
  const { tab, style } = address();
  const strip = document.querySelector("vs-tabs");
  const known = strip ? strip.names.has(tab) : /^[a-z]+$/.test(tab);
  root.dataset.tab = known ? tab : FIRST;
  strip?.mark();
  if (style) pickerIn(tab)?.choose?.(style); // one that is not there yet reads the address itself
}

addEventListener("popstate", arrive);
addEventListener("hashchange", arrive);

customElements.define("vs-tabs", class extends HTMLElement {
  connectedCallback() {
    if (this.names) return;
    this.names = new Map(Object.entries(JSON.parse(this.getAttribute("names"))));
    this.setAttribute("role", "tablist");
    this.setAttribute("aria-label", "What to paint");
    for (const [tab, name] of this.names) {
      const button = made("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}` }, name);
      button.addEventListener("click", () => goTo(tab));
      this.append(button);
    }
    this.addEventListener("keydown", (event) => this.step(event));
    arrive();
  }

  mark() {
    for (const button of this.children) {
      const here = button.id === `tab-${currentTab()}`;
      button.setAttribute("aria-selected", here);
      button.tabIndex = here ? 0 : -1;
      if (here) this.scrollLeft = button.offsetLeft - (this.clientWidth - button.clientWidth) / 2;
    }
  }

  step(event) {
    const next = stepped(event, [...this.children], document.activeElement);
    if (!next) return;
    next.focus();
    next.click();
  }
});

// Which of several the arrow keys, Home and End lead to; undefined for other keys.
export function stepped(event, all, from) {
  const at = all.indexOf(from), count = all.length;
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: count - 1 }[event.key];
  if (to === undefined || at < 0) return undefined;
  event.preventDefault();
  return all[(to + count) % count];
}

// Makes a panel of the column that it is in.
customElements.define("vs-panel", class extends HTMLElement {
  connectedCallback() {
    const panel = this.closest(".vs-panel"), tab = this.getAttribute("tab");
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${tab}`);
  }
});
