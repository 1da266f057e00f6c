// The page's own elements.  Gradio puts them into the page as plain HTML, and the browser brings them to life.
import { refreshStyles } from "./styles.js";
import "./compare.js";
import "./drop.js";
import "./here.js";
import "./webcam.js";

// Says that a style has been made; each one once, since the page is told again and again.
const known = new Set();
customElements.define("vs-changed", class extends HTMLElement {
  connectedCallback() {
    const key = this.getAttribute("key");
    if (!known.has(key)) refreshStyles();
    known.add(key);
  }
});
