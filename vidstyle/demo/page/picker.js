// The gallery to choose from: one style, a mix of two, or any picture.
import { recalled, remember } from "./memory.js";
import { made, say } from "./own.js";
import { noteStyle, stepped, styleInAddress } from "./place.js";
import { Styles, by, mixed, parts, sketched, thumbnail } from "./styles.js";

const SHARE = 50; // percent of the second style, at first

customElements.define("vs-picker", class extends Styles {
  connectedCallback() {
    this.tab = this.getAttribute("tab");
    if (!this.strip) this.build();
    super.connectedCallback();
  }

  build() {
    this.strip = made("div", { role: "radiogroup", "aria-label": "Style" });
    this.strip.addEventListener("keydown", (event) => {
      const next = stepped(event, [...this.strip.children], document.activeElement);
      next?.click();
      next?.focus();
    });
    this.second = made("select", { "aria-label": "Second style" });
    this.share = made("input", { type: "range", min: 10, max: 90, step: 10, value: SHARE, "aria-label": "Share of the second style" });
    this.said = made("output");
    const tell = () => this.choose(mixed({ first: parts(this.chosen).first, second: this.second.value, share: Number(this.share.value) }));
    this.second.addEventListener("change", tell);
    this.share.addEventListener("input", () => { this.said.textContent = `${this.share.value} %`; });
    this.share.addEventListener("change", tell);
    const mix = made("div", { class: "mix" }, made("label", {}, "Mixed with ", this.second), this.share, this.said);
    const own = this.ownPicture(), strip = made("div", { class: "strip" }, own, this.strip);
    // Nothing has a place before it shows.
    new ResizeObserver(() => this.bringIntoSight()).observe(strip);
    this.append(strip, mix);
    // A tile is too narrow for what is wrong with a file.
    customElements.whenDefined("vs-drop").then(() => mix.before(own.message));
  }

  show(all) {
    this.all = all;
    const focused = this.strip.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.strip.replaceChildren(...all.map((style) => {
      const label = made("span", {}, made("b", {}, style.title), made("small", {}, by(style) || "your own"));
      const image = sketched(made("img", { src: thumbnail(style.key), alt: "", loading: "lazy" }), style);
      const button = made("button", { type: "button", role: "radio", "data-key": style.key }, image, label);
      button.addEventListener("click", () => this.choose(mixed({ ...parts(this.chosen), first: style.key })));
      return button;
    }));
    this.second.replaceChildren(made("option", { value: "" }, "nothing else"), ...all.map(({ key, title }) => made("option", { value: key }, title)));
    if (focused) this.strip.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    const first = this.getAttribute("first"), wanted = [styleInAddress(this.tab), recalled(this.tab).style, first];
    if (!this.chosen) this.take(wanted.find((key) => this.has(key)) ?? first, true);
    else if (!this.has(this.chosen)) this.choose(first);
    else this.mark();
  }

  has(key) {
    const { first, second } = parts(key ?? "");
    const known = (one) => this.all.some((style) => style.key === one);
    return known(first) && (!second || known(second));
  }

  choose(key) {
    if (!this.all || !this.has(key) || key === this.chosen) return;
    this.take(key);
    remember(this.tab, { style: key });
    noteStyle(this.tab, key);
  }

  // quiet: nobody has chosen it just now.
  take(key, quiet = false) {
    this.chosen = key;
    this.mark();
    say(this, key, quiet);
    this.dispatchEvent(new CustomEvent("vs-chosen", { detail: key, bubbles: true }));
  }

  // Any picture becomes a style in a moment, and is painted with at once.
  ownPicture() {
    const drop = made("vs-drop", { kind: "style", accept: "image/*,.safetensors", words: "Drop any picture: it becomes a style", largest: 1e8 });
    drop.addEventListener("vs-value", async (event) => {
      event.stopPropagation();
      drop.reset();
      await this.refresh(); // so that it is known
      this.choose(JSON.parse(event.detail).id);
    });
    return drop;
  }

  mark() {
    const { first, second, share } = parts(this.chosen);
    for (const button of this.strip.children) {
      const chosen = button.dataset.key === first;
      button.setAttribute("aria-checked", chosen);
      button.tabIndex = chosen ? 0 : -1;
    }
    this.bringIntoSight();
    for (const option of this.second.options) option.disabled = option.value === first;
    this.second.value = second;
    this.share.value = share || SHARE;
    this.share.hidden = this.said.hidden = !second;
    this.said.textContent = `${this.share.value} %`;
  }

  // The chosen style, in the strip; nothing else moves.
  bringIntoSight() {
    const frame = this.strip.parentElement, chosen = this.strip.querySelector("[aria-checked=true]");
    if (!chosen?.clientWidth) return;
    const away = (begin, size, from, room) => (begin < from || begin + size > from + room ? begin - (room - size) / 2 : from);
    frame.scrollTo({
      left: away(chosen.offsetLeft, chosen.clientWidth, frame.scrollLeft, frame.clientWidth),
      top: away(chosen.offsetTop, chosen.clientHeight, frame.scrollTop, frame.clientHeight),
    });
  }
});
