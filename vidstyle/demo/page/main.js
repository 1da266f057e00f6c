// The page's own elements.  Gradio puts them into the page as plain HTML, and the browser brings them to life.
import { remember } from "./memory.js";
import { Drawn } from "./own.js";
import { refreshStyles } from "./styles.js";
import "./place.js";
import "./picker.js";
import "./cards.js";
import "./compare.js";
import "./drop.js";
import "./here.js";
import "./timeline.js";
import "./webcam.js";

// Says that a style has been made; each one once, since the page is told again and again.
const known = new Set();
customElements.define("vs-changed", class extends Drawn {
  static attributes = ["key"];

  draw() {
    const key = this.getAttribute("key");
    if (!known.has(key)) refreshStyles();
    known.add(key);
  }
});

// Brings what it stands in into sight, whenever something new has come.
customElements.define("vs-arrived", class extends Drawn {
  static attributes = ["key"];

  draw() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const show = () => requestAnimationFrame(() => this.parentElement?.scrollIntoView({ block: "nearest", behavior: calm ? "instant" : "smooth" }));
    show();
    // A video has no size before it is known.
    for (const video of this.parentElement.querySelectorAll("video")) video.addEventListener("loadedmetadata", show, { once: true });
  }
});

// In which tab a style was chosen last: there "use" leads.
document.addEventListener("vs-value", ({ target }) => {
  if (target.matches("vs-picker")) remember("page", { painted: target.tab });
});
