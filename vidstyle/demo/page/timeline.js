// Other styles at certain times of a video, between which they fade into each other: a line each, with the time and the
// style.
import { made, say } from "./own.js";
import { Styles } from "./styles.js";

const STEP = 2; // seconds after the last change, for the next one

customElements.define("vs-timeline", class extends Styles {
  connectedCallback() {
    if (!this.list) {
      this.list = made("ol");
      const more = made("button", { type: "button" }, "Fade into another style");
      more.addEventListener("click", () => this.add());
      this.append(this.list, more);
    }
    super.connectedCallback();
  }

  show(all) {
    this.all = all;
    for (const select of this.list.querySelectorAll("select")) this.fill(select, select.value);
  }

  fill(select, chosen) {
    select.replaceChildren(...this.all.map(({ key, title }) => made("option", { value: key }, title)));
    select.value = this.all.some(({ key }) => key === chosen) ? chosen : this.all[0].key;
  }

  add() {
    const times = [...this.list.querySelectorAll("input")].map((input) => Number(input.value) || 0);
    const time = made("input", { type: "number", min: 0.1, step: 0.1, value: Math.max(0, ...times) + STEP, "aria-label": "At this second" });
    const select = made("select", { "aria-label": "Style at that second" });
    this.fill(select, this.all[(times.length + 1) % this.all.length].key);
    const away = made("button", { type: "button", "aria-label": "Leave this change out" }, "×");
    const line = made("li", {}, "at ", time, " s ", select, away);
    away.addEventListener("click", () => { line.remove(); this.tell(); });
    for (const control of [time, select]) control.addEventListener("change", () => this.tell());
    this.list.append(line);
    this.tell();
  }

  tell() {
    const changes = [...this.list.children].map((line) => [Number(line.querySelector("input").value), line.querySelector("select").value]);
    say(this, JSON.stringify(changes));
  }
});
