// The styles of this visitor, for everything on the page that shows them.

let loading = null;
const listeners = new Set();

export function styles() {
  loading ??= fetch("/vidstyle/styles").then((answer) => answer.json());
  return loading;
}

export function refreshStyles() {
  loading = null;
  for (const listener of listeners) listener();
}

export const thumbnail = (key) => `/vidstyle/thumbnail/${encodeURIComponent(key)}`;
// What shows where a thumbnail is still to be painted: the small picture that has come along with the style.
export function sketched(element, style) {
  if (style.sketch) element.style.background = `url("${thumbnail(style.key)}?sketch") center / cover`;
  return element;
}

export const by = (style) => [style.artist, style.year].filter(Boolean).join(", ");

// A mix is written FIRST+SECOND:PERCENT, with the share of the second.
export function parts(key) {
  const found = /^(.+?)\+(.+):(\d+)$/.exec(key);
  return found ? { first: found[1], second: found[2], share: Number(found[3]) } : { first: key, second: "", share: 0 };
}

export const mixed = ({ first, second, share }) => (second && second !== first && share ? `${first}+${second}:${share}` : first);

// Shows all styles, again whenever there are others.
export class Styles extends HTMLElement {
  connectedCallback() {
    this.refresh = async () => this.show(await styles());
    listeners.add(this.refresh);
    this.refresh();
  }

  disconnectedCallback() {
    listeners.delete(this.refresh);
  }
}
