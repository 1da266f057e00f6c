// The page: a camera or a picture, painted frame by frame by worker.js, as large as the device keeps up with.
const ROWS = [120, 180, 240, 300, 360, 480, 720]; // of frames: the smallest size first
// Frames a second that the next size must promise (?up=24 asks for more), and below which this one is too large.
const UP = Number(new URLSearchParams(location.search).get("up") ?? 12), DOWN = UP / 2;
const KEPT = 12; // frames that are judged by
const LARGEST = 1280 * 720; // pixels of a picture

const at = (id) => document.getElementById(id);
const screen = at("screen"), pen = screen.getContext("2d");
const sheet = document.createElement("canvas"), sheetPen = sheet.getContext("2d", { willReadFrequently: true });
const worker = new Worker(`worker.js${location.search}`, { type: "module" });
const waiting = new Map();
let number = 0, styles = [], style = null, stream = null, video = null, picture = null, step = 0, times = [];

worker.onmessage = ({ data }) => {
  const { resolve, reject } = waiting.get(data.number);
  waiting.delete(data.number);
  data.error ? reject(new Error(data.error)) : resolve(data);
};
worker.onerror = (event) => complain(`This browser cannot paint: ${event.message || "it has no module workers"}`);

export function paint({ data, width, height }, model = style.model) {
  const rgba = data.buffer.slice(0);
  return new Promise((resolve, reject) => {
    waiting.set(++number, { resolve, reject });
    worker.postMessage({ number, model: new URL(model, location.href).href, width, height, rgba }, [rgba]);
  });
}

function complain(words) {
  at("message").textContent = words;
  at("message").hidden = !words;
}

function tell(done, fps) {
  const by = done.backend === "webgpu" ? "WebGPU" : `WASM, ${done.threads} thread${done.threads === 1 ? "" : "s"}`;
  at("figures").textContent = `${fps ? `${fps.toFixed(1)} fps, ` : ""}${done.milliseconds.toFixed(0)} ms, ${done.width}x${done.height}, ${by}`;
}

// Once it paints, what it took is kept for when there is no network.
const kept = new Set();
async function keep({ backend }) {
  const name = `${backend} ${style.model}`;
  if (!("serviceWorker" in navigator) || kept.has(name)) return;
  kept.add(name);
  const wasm = backend === "webgpu" ? "ort-wasm-simd-threaded.asyncify.wasm" : "ort-wasm-simd-threaded.wasm";
  const urls = [style.model, style.thumbnail, `ort/ort.${backend}.bundle.min.mjs`, `ort/${wasm}`].filter(Boolean);
  (await navigator.serviceWorker.ready).active.postMessage(urls.map((url) => new URL(url, location.href).href));
}

function show(done) {
  keep(done);
  if (screen.width !== done.width || screen.height !== done.height) [screen.width, screen.height] = [done.width, done.height];
  pen.putImageData(new ImageData(new Uint8ClampedArray(done.rgba), done.width, done.height), 0, 0);
}

function sized(width, height, scale) {
  return [Math.max(16, Math.round(width * scale)), Math.max(16, Math.round(height * scale))];
}

function taken(source, width, height, mirror) {
  [sheet.width, sheet.height] = [width, height];
  if (mirror) sheetPen.setTransform(-1, 0, 0, 1, width, 0);
  sheetPen.drawImage(source, 0, 0, width, height);
  return sheetPen.getImageData(0, 0, width, height);
}

async function paintPicture() {
  const [width, height] = sized(picture.width, picture.height, Math.min(1, Math.sqrt(LARGEST / (picture.width * picture.height))));
  try {
    const done = await paint(taken(picture, width, height, false));
    if (stream) return;
    show(done);
    tell(done);
    at("save").hidden = false;
    screen.toBlob((blob) => (at("save").href = URL.createObjectURL(blob)));
    document.dispatchEvent(new CustomEvent("painted", { detail: done }));
  } catch (error) { complain(`It could not be painted: ${error.message}`); }
}

export async function open(blob) {
  stop();
  complain("");
  try { picture = await createImageBitmap(blob); }
  catch { return complain("That is no picture that this browser can read."); }
  return paintPicture();
}

async function start() {
  complain("");
  if (!navigator.mediaDevices) return complain("Browsers give the camera to https and to localhost only.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } } });
  } catch (error) {
    return complain(error.name === "NotFoundError" ? "No camera was found." : "The camera was refused, or is used by another program.");
  }
  video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
  await video.play();
  at("start").textContent = "Stop";
  [picture, step, times] = [null, 0, []];
  loop(stream);
}

function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at("start").textContent = "Start the camera";
}

async function loop(mine) {
  while (stream === mine) {
    const begin = performance.now();
    const [width, height] = sized(video.videoWidth, video.videoHeight, Math.min(1, ROWS[step] / Math.min(video.videoWidth, video.videoHeight)));
    try {
      const done = await paint(taken(video, width, height, true));
      if (stream !== mine) return;
      show(done);
      times.push(performance.now() - begin);
      if (times.length > KEPT) times.shift();
      const fps = 1000 / (times.reduce((a, b) => a + b) / times.length);
      tell(done, fps);
      fit(fps);
    } catch (error) { complain(`It could not be painted: ${error.message}`); return stop(); }
    await new Promise(requestAnimationFrame);
  }
}

// Up a size as long as the next one will do, and down where this one does not.
function fit(fps) {
  if (times.length < KEPT) return;
  const next = ROWS[step + 1];
  const larger = next && next <= Math.min(video.videoWidth, video.videoHeight);
  if (fps < DOWN && step > 0) [step, times] = [step - 1, []];
  else if (larger && fps * (ROWS[step] / next) ** 2 > UP) [step, times] = [step + 1, []];
}

export async function choose(name) {
  style = styles.find((one) => one.name === name) ?? styles[0];
  for (const button of at("styles").children) button.setAttribute("aria-checked", button.dataset.name === style.name);
  const by = [style.artist, style.year].filter(Boolean).join(", ");
  const title = Object.assign(document.createElement("em"), { textContent: style.title || style.name });
  at("label").replaceChildren(title, by ? ` — ${by}` : "");
  times = [];
  if (picture && !stream) await paintPicture();
}

export async function measure(width, height, frames, model = style.model) {
  const source = new ImageData(width, height);
  source.data.forEach((_, i) => (source.data[i] = i % 4 === 3 ? 255 : (i * 31) % 255));
  const all = [];
  let done;
  for (let i = 0; i < frames + 2; i++) {
    done = await paint(source, model);
    if (i > 1) all.push(done.milliseconds);
  }
  all.sort((a, b) => a - b);
  return { fps: 1000 / all[Math.floor(all.length / 2)], backend: done.backend, threads: done.threads };
}

for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.querySelector(".frame").classList.toggle("over", over);
    if (kind === "drop" && event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
}
at("picture").addEventListener("change", ({ target }) => target.files[0] && open(target.files[0]));
at("start").addEventListener("click", () => (stream ? stop() : start()));
window.addEventListener("pagehide", stop);

styles = await (await fetch("styles.json")).json();
at("styles").replaceChildren(...styles.map((one) => {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.dataset.name = one.name;
  button.setAttribute("role", "radio");
  if (one.thumbnail) button.append(Object.assign(document.createElement("img"), { src: one.thumbnail, alt: "", loading: "lazy" }));
  button.append(Object.assign(document.createElement("b"), { textContent: one.title || one.name }));
  button.append(Object.assign(document.createElement("small"), { textContent: [one.artist, one.year].filter(Boolean).join(", ") }));
  button.addEventListener("click", () => choose(one.name));
  return button;
}));
at("styles").hidden = styles.length < 2;
await choose(styles[0].name);
window.vidstyle = { paint, open, choose, measure };
// What has been loaded once is there without a network, and gets the headers that threads need.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {});
