// Keeps the site's files, so that it opens without a network once it was opened. make_site.py writes the list and its version here.
const CACHE = `voicecam-${"VERSION"}`;
const FILES = [/* FILES */];

self.addEventListener("install", (event) => {
  // "reload": not what the browser's own cache may hold of an older version
  const wanted = ["./", ...FILES].map((name) => new Request(name, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(wanted)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith("voicecam-") && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  event.respondWith(caches.open(CACHE).then(async (cache) => (
    (await cache.match(event.request, { ignoreSearch: true })) ?? fetch(event.request))));
});
