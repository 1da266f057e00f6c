// The styles of this visitor: the gallery to choose from, and the cards that tell about each.

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

export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function say(element, value) {
  element.dispatchEvent(new CustomEvent("vs-value", { detail: value, bubbles: true }));
}

export const thumbnail = (style) => `/vidstyle/thumbnail/${encodeURIComponent(style.key)}`;
const by = (style) => [style.artist, style.year].filter(Boolean).join(", ");

class Styles extends HTMLElement {
  connectedCallback() {
    this.refresh = async () => this.show(await styles());
    listeners.add(this.refresh);
    this.refresh();
  }

  disconnectedCallback() {
    listeners.delete(this.refresh);
  }
}

class Picker extends Styles {
  show(all) {
    this.chosen ??= this.getAttribute("first");
    const gone = all.every(({ key }) => key !== this.chosen);
    this.setAttribute("role", "radiogroup");
    this.setAttribute("aria-label", "Style");
    this.replaceChildren(
      ...all.map((style) => {
        const label = made("span", {}, made("b", {}, style.title), made("small", {}, by(style) || "your own"));
        const image = made("img", { src: thumbnail(style), alt: "", loading: "lazy" });
        const button = made("button", { type: "button", role: "radio", "data-key": style.key }, image, label);
        button.addEventListener("click", () => this.choose(style.key));
        return button;
      }),
      this.ownPicture(),
    );
    gone ? this.choose(this.getAttribute("first")) : this.mark();
  }

  choose(key) {
    this.chosen = key;
    this.mark();
    say(this, key);
  }

  // Any picture becomes a style in a moment, and is painted with at once.
  ownPicture() {
    if (!this.drop) {
      this.drop = made("vs-drop", { kind: "style", accept: "image/*,.safetensors", words: "Drop any picture", largest: 1e8 });
      this.drop.addEventListener("vs-value", (event) => {
        event.stopPropagation();
        this.drop.reset();
        this.choose(JSON.parse(event.detail).id);
      });
    }
    return this.drop;
  }

  mark() {
    for (const button of this.querySelectorAll("button[data-key]")) {
      const chosen = button.dataset.key === this.chosen;
      button.setAttribute("aria-checked", chosen);
      // Phones have one row of them.
      if (chosen) this.scrollLeft = button.offsetLeft - this.offsetLeft - (this.clientWidth - button.clientWidth) / 2;
    }
  }
}

class Cards extends Styles {
  show(all) {
    this.replaceChildren(...all.map(card));
  }
}

const FIGURES = {
  style_distance: ["Style distance", (value) => value.toFixed(2)],
  content_distance: ["Content distance", (value) => value.toFixed(2)],
  grid_db: ["Grid", (value) => `${value.toFixed(1)} dB`],
};

function card(style) {
  const figures = made("dl");
  const add = (name, value) => figures.append(made("div", {}, made("dt", {}, name), made("dd", {}, value)));
  for (const [name, [title, written]] of Object.entries(FIGURES)) {
    if (name in style.metrics) add(title, written(style.metrics[name]));
  }
  add("Parameters", style.parameters.toLocaleString("en"));
  add("File", `${Math.max(1, Math.round(style.bytes / 1024))} KB`);
  const link = made("a", { href: `/vidstyle/style/${encodeURIComponent(style.key)}`, download: "" }, "Download");
  return made(
    "article",
    {},
    made("img", { src: thumbnail(style), alt: `The harbour in the style of ${style.title}`, loading: "lazy" }),
    made("h3", {}, style.title),
    made("p", {}, by(style) || (style.own ? "Your own" : "")),
    figures,
    made("footer", {}, made("small", {}, style.licence || "no licence named"), link),
  );
}

customElements.define("vs-picker", Picker);
customElements.define("vs-cards", Cards);
