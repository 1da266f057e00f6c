// Where files are dropped: sends them, shows how far that is, and says what the server made of them.
import { made, say } from "./own.js";
import { refreshStyles } from "./styles.js";

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
    this.offerExamples();
  }

  // Something to try at once, by one click; a gallery stays, and says which one it is.
  offerExamples() {
    const examples = JSON.parse(this.getAttribute("examples") || "[]");
    if (!examples.length) return;
    const buttons = examples.map(([name, words]) => {
      const picture = made("img", { src: `/vidstyle/example/${name}.jpg`, alt: "", loading: "lazy" });
      const button = made("button", { type: "button", "data-example": name }, picture, words);
      button.addEventListener("click", () => this.take(name));
      return button;
    });
    this.append(made("div", { class: "examples" }, made("span", {}, "or try"), ...buttons));
    this.mark();
  }

  mark(name = "") {
    if (!this.hasAttribute("gallery")) return;
    for (const button of this.querySelectorAll("[data-example]")) button.setAttribute("aria-pressed", button.dataset.example === name);
  }

  async take(name) {
    const kind = this.getAttribute("kind"), file = `${name}.${kind === "video" ? "mp4" : "jpg"}`;
    try {
      const answer = await fetch(`/vidstyle/example/${file}`);
      if (!answer.ok) throw new Error(answer.status);
      this.send(new File([await answer.blob()], file), name);
    } catch {
      this.refuse("The example could not be fetched; is the server still there?");
    }
  }

  // example: which one it is, if it is one.
  send(file, example) {
    if (!file) return;
    this.message.hidden = true;
    const largest = Number(this.getAttribute("largest"));
    if (file.size > largest) return this.refuse(`${file.name}: larger than ${Math.round(largest / 1e6)} MB, which is the most here.`);
    const request = new XMLHttpRequest();
    request.open("PUT", `/vidstyle/upload/${this.getAttribute("kind")}?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = (e) => { this.words.textContent = `Sending ${file.name}, ${Math.round((100 * e.loaded) / e.total)} %`; };
    request.upload.onload = () => { this.words.textContent = `Looking at ${file.name}`; };
    request.onerror = () => this.refuse(`${file.name}: could not be sent. Is the server still there?`);
    request.onload = () => this.answered(request, file, example);
    request.send(file);
  }

  answered(request, file, example) {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* not from us */ }
    if (request.status !== 200) return this.refuse(answer.error || `${file.name}: the server did not take it; try once more.`);
    const size = answer.width ? `, ${answer.width} × ${answer.height}` : "";
    this.words.textContent = `${answer.title || answer.name}${size}`;
    this.classList.add("full");
    this.mark(example);
    this.input.value = ""; // the same file may come again
    if (this.getAttribute("kind") === "style") refreshStyles();
    say(this, JSON.stringify(answer));
  }

  reset() {
    this.words.textContent = this.getAttribute("words");
    this.classList.remove("full");
    this.mark();
    this.input.value = "";
  }

  refuse(words) {
    this.reset();
    this.message.textContent = words;
    this.message.hidden = false;
  }
});
