// Where files are dropped: sends them, shows how far that is, and says what the server made of them.
import { made, refreshStyles, say } from "./styles.js";

customElements.define("vs-drop", class extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    this.input = made("input", { type: "file", accept: this.getAttribute("accept"), "aria-label": this.getAttribute("words") });
    this.words = made("span", {}, this.getAttribute("words"));
    this.message = made("p", { class: "vs-message", role: "alert", hidden: "" });
    const label = made("label", {}, this.input, this.words);
    this.append(label, this.message);
    this.input.addEventListener("change", () => this.send(this.input.files[0]));
    for (const event of ["dragenter", "dragover"]) {
      label.addEventListener(event, (e) => { e.preventDefault(); label.classList.add("over"); });
    }
    for (const event of ["dragleave", "drop"]) label.addEventListener(event, () => label.classList.remove("over"));
    label.addEventListener("drop", (e) => { e.preventDefault(); this.send(e.dataTransfer.files[0]); });
  }

  send(file) {
    if (!file) return;
    this.message.hidden = true;
    const largest = Number(this.getAttribute("largest"));
    if (file.size > largest) return this.refuse(`${file.name}: larger than ${Math.round(largest / 1e6)} MB, which is the most here.`);
    const request = new XMLHttpRequest();
    request.open("PUT", `/vidstyle/upload/${this.getAttribute("kind")}?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = (e) => { this.words.textContent = `Sending ${file.name}, ${Math.round((100 * e.loaded) / e.total)} %`; };
    request.upload.onload = () => { this.words.textContent = `Looking at ${file.name}`; };
    request.onerror = () => this.refuse(`${file.name}: could not be sent. Is the server still there?`);
    request.onload = () => this.answered(request, file);
    request.send(file);
  }

  answered(request, file) {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* not from us */ }
    if (request.status !== 200) return this.refuse(answer.error || `${file.name}: the server said ${request.status}.`);
    const size = answer.width ? `, ${answer.width} × ${answer.height}` : "";
    this.words.textContent = `${answer.title || answer.name}${size}`;
    this.classList.add("full");
    if (this.getAttribute("kind") === "style") refreshStyles();
    say(this, JSON.stringify(answer));
  }

  reset() {
    this.words.textContent = this.getAttribute("words");
    this.classList.remove("full");
    this.input.value = "";
  }

  refuse(words) {
    this.reset();
    this.message.textContent = words;
    this.message.hidden = false;
  }
});
