// Before | after: two pictures on top of each other, and a line to draw over them.
import { made } from "./styles.js";

customElements.define("vs-compare", class extends HTMLElement {
  connectedCallback() {
    const [width, height] = [this.getAttribute("width"), this.getAttribute("height")];
    this.style.aspectRatio = `${width} / ${height}`;
    this.style.setProperty("--ratio", width / height);
    const picture = (which, alt) => made("img", { src: this.getAttribute(which), alt, class: which, draggable: "false" });
    const range = made("input", { type: "range", min: 0, max: 100, step: 0.1, value: 50, "aria-label": "Before or after" });
    const move = () => this.style.setProperty("--split", `${range.value}%`);
    range.addEventListener("input", move);
    this.replaceChildren(picture("after", "After"), picture("before", "Before"), made("i"), range);
    move();
  }
});
