// Before | after: two pictures on top of each other, and a line to draw over them; only the first while there is no other.
import { Drawn, made } from "./own.js";

customElements.define("vs-compare", class extends Drawn {
  static attributes = ["before", "after", "words", "width", "height"];

  draw() {
    if (!this.range) {
      const picture = (which, alt) => made("img", { alt, class: which, draggable: "false" });
      [this.after, this.before, this.line] = [picture("after", "After"), picture("before", "Before"), made("i")];
      this.range = made("input", { type: "range", min: 0, max: 100, step: 0.1, value: 50, "aria-label": "Before or after" });
      this.range.addEventListener("input", () => this.move());
    }
    const [width, height] = [this.getAttribute("width"), this.getAttribute("height")];
    this.style.aspectRatio = `${width} / ${height}`;
    this.style.setProperty("--ratio", width / height);
    this.before.alt = this.getAttribute("words") ?? "Before";
    // One that is loaded already stays until the next one is here.
    const there = ["after", "before"].filter((which) => this.hasAttribute(which));
    for (const which of there) {
      if (this[which].getAttribute("src") !== this.getAttribute(which)) this[which].src = this.getAttribute(which);
    }
    const pictures = there.map((which) => this[which]);
    this.hold(...pictures, ...(pictures.length > 1 ? [this.line, this.range] : []));
    this.move();
  }

  move() {
    this.style.setProperty("--split", `${this.range.value}%`);
  }
});
