// The webcam: frames go to the server as JPEG files, at most two at a time, and come back painted.
import { recalled, remember } from "./memory.js";
import { made } from "./own.js";
import { by, parts, styles, thumbnail } from "./styles.js";

const WIDE = [640, 360], TALL = [360, 640];
const IN_FLIGHT = 2; // one is painted while the next one is on its way
const QUALITY = 0.8;
const KEPT = 30; // frames that the figures are averaged over
const RECORDINGS = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"];

const WHY = {
  NotAllowedError: "The camera was refused. Allow it in the address bar, and press start again.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is used by another program.",
};

customElements.define("vs-webcam", class extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    this.look = { style: this.getAttribute("first"), strength: 100, keep_colors: false, stroke_size: 1, mirror: true, split: false };
    this.screen = made("canvas", { width: WIDE[0], height: WIDE[1], role: "img", "aria-label": "You, painted", class: "mirrored" });
    this.invitation = made("div", { class: "invitation" }, made("p", {}, "Choose a painting, press start, and move."));
    this.figures = made("output", { "aria-label": "Figures" });
    this.label = made("p", { class: "label" });
    this.message = made("p", { class: "vs-message", role: "alert", hidden: "" });
    const button = (words, name, act) => {
      const it = made("button", { type: "button", "data-do": name }, words);
      it.addEventListener("click", act);
      return it;
    };
    this.startButton = button("Start", "start", () => (this.stream ? this.stop() : this.start()));
    this.snapButton = button("Snapshot", "snapshot", () => this.snapshot());
    this.recordButton = button("Record", "record", () => (this.recorder ? this.recorder.stop() : this.record()));
    // A page of its own, which needs no more of the server than its files.
    const device = this.getAttribute("device");
    const onDevice = device ? [made("a", { class: "on-device", href: device, target: "_blank" }, "Paint on this device")] : [];
    this.cameras = made("select", { "aria-label": "Camera", hidden: "" });
    this.cameras.addEventListener("change", () => this.changeCamera());
    this.append(
      made("div", { class: "frame" }, this.screen, this.invitation, this.figures),
      this.label, this.message,
      made("div", { class: "buttons" }, this.startButton, this.snapButton, this.recordButton, this.cameras, ...onDevice),
    );
    this.video = made("video", { muted: "", playsinline: "" });
    this.video.muted = true;
    this.sheet = document.createElement("canvas");
    document.addEventListener("vs-look", ({ detail: { tab, controls } }) => tab === "webcam" && this.show(controls));
    this.closest(".vs-panel").addEventListener("vs-chosen", ({ detail }) => this.show({ style: detail }));
    window.addEventListener("pagehide", () => this.stop());
    this.enable();
    this.name();
  }

  enable() {
    const on = Boolean(this.stream);
    this.startButton.textContent = on ? "Stop" : "Start";
    this.snapButton.disabled = this.recordButton.disabled = !on;
    this.classList.toggle("on", on);
  }

  async name() {
    const { first, second, share } = parts(this.look.style), all = await styles();
    const of = (key) => all.find((style) => style.key === key);
    if (!of(first)) return;
    if (!this.stream) this.hang(of(first), thumbnail(this.look.style));
    const names = [made("em", {}, of(first).title)];
    if (second && of(second)) names.push(` and ${share} % `, made("em", {}, of(second).title));
    else if (by(of(first))) names.push(` — ${by(of(first))}`);
    this.label.replaceChildren(...names);
  }

  // The smaller a picture, the sooner it is there; the large one is asked for before all else.
  hang(style, small) {
    new Image().src = `${small}?large`;
    const smallest = style.sketch ? [`${thumbnail(style.key)}?sketch`] : [];
    this.invitation.style.backgroundImage = [`${small}?large`, small, ...smallest].map((url) => `url("${url}")`).join();
  }

  show(look) {
    this.look = { ...this.look, ...look };
    // As in a mirror on the page; what is sent, and what is kept, is as the camera sees it.
    this.screen.classList.toggle("mirrored", this.look.mirror);
    this.tell();
    this.name();
  }

  tell() {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ...this.look, strength: this.look.strength / 100 }));
  }

  complain(words) {
    this.message.textContent = words;
    this.message.hidden = !words;
  }

  async start() {
    this.complain("");
    if (!navigator.mediaDevices) return this.complain("Browsers give the camera to https and to localhost only: start vidstyle demo with --share, or open it on this machine.");
    const [width, height] = innerHeight > innerWidth && innerWidth < 700 ? TALL : WIDE;
    let stream;
    try {
      const camera = this.cameras.value || recalled("page").camera;
      const which = camera ? { deviceId: camera } : { facingMode: "user" };
      this.stream = stream = await navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: { ideal: 30 }, ...which } });
    } catch (error) {
      return this.complain(WHY[error.name] ?? "The camera could not be opened. Is it plugged in, and free?");
    }
    await this.listCameras(stream);
    // Meanwhile it may have been stopped, or another camera chosen.
    if (this.stream !== stream) return;
    this.video.srcObject = stream;
    try {
      await this.video.play();
    } catch (error) {
      if (this.stream === stream) throw error;
    }
    if (this.stream !== stream) return;
    const tall = this.video.videoHeight > this.video.videoWidth;
    [this.sheet.width, this.sheet.height] = [this.screen.width, this.screen.height] = tall ? TALL : WIDE;
    this.classList.toggle("tall", tall);
    stream.getVideoTracks()[0].addEventListener("ended", () => { this.stop(); this.complain("The camera has gone."); });
    this.connect();
    this.enable();
  }

  // Browsers name cameras once one of them has been allowed.
  async listCameras(stream) {
    const all = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    this.cameras.replaceChildren(...all.map(({ deviceId, label }, i) => made("option", { value: deviceId }, label || `Camera ${i + 1}`)));
    this.cameras.value = stream.getVideoTracks()[0].getSettings().deviceId;
    this.cameras.hidden = all.length < 2;
  }

  changeCamera() {
    remember("page", { camera: this.cameras.value });
    if (!this.stream) return;
    this.stop();
    this.start();
  }

  connect() {
    this.number = this.drawn = 0;
    this.sent = new Map(); // number: when its frame was taken
    this.shown = []; // of the last frames: when shown, and how long after they were taken
    this.encoding = false;
    const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/vidstyle/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.tell(); this.grab(); };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.heard(JSON.parse(data)) : this.paint(data));
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.stop();
      if (this.message.hidden) this.complain("The server has gone; press start to try again.");
    };
    this.socket = socket;
  }

  heard({ error }) {
    this.complain(error ?? "");
    this.sent.clear(); // what failed will not be answered
  }

  // Called for every new frame of the camera; those that come while two are on their way are left out.
  grab() {
    const socket = this.socket;
    const again = (taken) => {
      if (socket !== this.socket) return;
      this.video.requestVideoFrameCallback(again);
      if (this.encoding || this.sent.size >= IN_FLIGHT || socket.readyState !== WebSocket.OPEN) return;
      this.encoding = true;
      this.draw();
      this.sheet.toBlob(async (blob) => {
        const pixels = await blob.arrayBuffer();
        this.encoding = false;
        if (socket.readyState !== WebSocket.OPEN) return;
        const message = new Uint8Array(4 + pixels.byteLength);
        new DataView(message.buffer).setUint32(0, ++this.number, true);
        message.set(new Uint8Array(pixels), 4);
        this.sent.set(this.number, taken);
        socket.send(message);
      }, "image/jpeg", QUALITY);
    };
    this.video.requestVideoFrameCallback(again);
  }

  // The camera's picture fills the sheet, whatever shape the camera has.
  draw() {
    const { sheet, video } = this, pen = sheet.getContext("2d");
    const scale = Math.max(sheet.width / video.videoWidth, sheet.height / video.videoHeight);
    const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
    pen.drawImage(video, (sheet.width - width) / 2, (sheet.height - height) / 2, width, height);
  }

  async paint(data) {
    const socket = this.socket, number = new DataView(data).getUint32(0, true);
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 4)], { type: "image/jpeg" }));
    // Two may be unpacked at once, and the older one be ready later.
    if (socket !== this.socket || number < this.drawn) return picture.close();
    this.drawn = number;
    this.screen.getContext("2d").drawImage(picture, 0, 0, this.screen.width, this.screen.height);
    picture.close();
    const now = performance.now(), taken = this.sent.get(number);
    // Frames before this one have given way to it.
    for (const other of this.sent.keys()) if (other <= number) this.sent.delete(other);
    this.shown.push([now, now - taken]);
    if (this.shown.length > KEPT) this.shown.shift();
    if (this.shown.length > 2) this.report();
    this.dispatchEvent(new CustomEvent("vs-shown", { detail: { number, delay: now - taken }, bubbles: true }));
  }

  report() {
    const times = this.shown.map(([time]) => time), delays = this.shown.map(([, delay]) => delay).sort((a, b) => a - b);
    const fps = (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
    this.figures.textContent = `${fps.toFixed(0)} fps · ${delays[delays.length >> 1].toFixed(0)} ms`;
  }

  stop() {
    if (this.recorder) this.recorder.stop();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.figures.textContent = "";
    this.enable();
    this.name();
  }

  snapshot() {
    this.screen.toBlob((blob) => save(blob, "png"), "image/png");
  }

  record() {
    const type = RECORDINGS.find((name) => MediaRecorder.isTypeSupported(name));
    const parts = [];
    this.recorder = new MediaRecorder(this.screen.captureStream(), { mimeType: type, videoBitsPerSecond: 6e6 });
    this.recorder.ondataavailable = ({ data }) => parts.push(data);
    this.recorder.onstop = () => {
      this.recorder = null;
      this.recordButton.textContent = "Record";
      this.classList.remove("recording");
      save(new Blob(parts, { type }), type.startsWith("video/mp4") ? "mp4" : "webm");
    };
    this.recorder.start(500);
    this.recordButton.textContent = "Stop recording";
    this.classList.add("recording");
  }
});

// Snapshots and recordings are made in the browser and stay with the visitor.
function save(blob, suffix) {
  const stamp = new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  const link = made("a", { href: URL.createObjectURL(blob), download: `vidstyle ${stamp}.${suffix}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
