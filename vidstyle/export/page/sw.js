// Keeps what has been loaded, so that the page works offline, and adds the headers that threads need.
const KEPT = "vidstyle-@VERSION@";
const SHELL = @SHELL@;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name.startsWith("vidstyle-") && name !== KEPT) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(old());
});

function isolated(answer) {
  if (answer.type === "opaque" || answer.status === 0) return answer;
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

async function answer(request) {
  const kept = await caches.open(KEPT);
  const known = await kept.match(request, { ignoreSearch: true });
  if (known) return isolated(known);
  const fresh = await fetch(request);
  if (fresh.ok && fresh.status === 200) await kept.put(request, fresh.clone());
  return isolated(fresh);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});

self.addEventListener("message", (event) => {
  const keep = async () => {
    const kept = await caches.open(KEPT);
    for (const url of event.data) if (!(await kept.match(url))) await kept.add(url);
  };
  event.waitUntil(keep());
});
