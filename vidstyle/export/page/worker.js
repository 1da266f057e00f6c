// Paints, beside the page: one network, loaded from its file, on the GPU where there is one, else on the processor.
let ort = null, backend = null, session = null, loaded = null;
const WASM = { wasm: "ort-wasm-simd-threaded.wasm", webgpu: "ort-wasm-simd-threaded.asyncify.wasm" };

async function use(kind) {
  ort = await import(`./ort/ort.${kind}.bundle.min.mjs`);
  backend = kind;
  ort.env.wasm.wasmPaths = { wasm: new URL(`./ort/${WASM[kind]}`, location.href).href };
  // Threads share memory, which browsers allow to pages with certain headers only.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency || 1) : 1;
}

async function load(file) {
  if (loaded === file) return;
  const wanted = new URLSearchParams(location.search).get("on");
  const adapter = ort || wanted === "wasm" ? null : await navigator.gpu?.requestAdapter().catch(() => null);
  if (!ort) await use(adapter ? "webgpu" : "wasm");
  await session?.release();
  session = loaded = null;
  try {
    session = await ort.InferenceSession.create(file, { executionProviders: [backend] });
  } catch (error) {
    if (backend === "wasm") throw error;
    // A GPU that cannot do it after all.
    await use("wasm");
    session = await ort.InferenceSession.create(file, { executionProviders: [backend] });
  }
  loaded = file;
}

// RGBA of a canvas to RGB and back; what the network makes is opaque.
function withoutAlpha(rgba) {
  const rgb = new Uint8Array(rgba.length / 4 * 3);
  for (let i = 0, j = 0; i < rgba.length; i += 4, j += 3) {
    rgb[j] = rgba[i];
    rgb[j + 1] = rgba[i + 1];
    rgb[j + 2] = rgba[i + 2];
  }
  return rgb;
}

function withAlpha(rgb) {
  const rgba = new Uint8ClampedArray(rgb.length / 3 * 4);
  for (let i = 0, j = 0; j < rgb.length; i += 4, j += 3) {
    rgba[i] = rgb[j];
    rgba[i + 1] = rgb[j + 1];
    rgba[i + 2] = rgb[j + 2];
    rgba[i + 3] = 255;
  }
  return rgba;
}

let line = Promise.resolve();
onmessage = ({ data }) => (line = line.then(() => paint(data)));

async function paint({ number, model, width, height, rgba }) {
  try {
    await load(model);
    const begin = performance.now();
    const rgb = new ort.Tensor("uint8", withoutAlpha(new Uint8ClampedArray(rgba)), [1, height, width, 3]);
    const { painted } = await session.run({ rgb });
    const pixels = withAlpha(painted.data).buffer;
    painted.dispose?.();
    const milliseconds = performance.now() - begin;
    const threads = backend === "wasm" ? ort.env.wasm.numThreads : 0;
    postMessage({ number, width, height, rgba: pixels, milliseconds, backend, threads }, [pixels]);
  } catch (error) {
    postMessage({ number, error: String(error?.message ?? error) });
  }
}
