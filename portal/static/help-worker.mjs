// Answers for the page of help alone: from the network where there is one, else as it was kept last. It is kept as
// nobody in particular sees it, without a cookie, so that no name is in it.

const KEPT = 'tidewell-help'
const FILES = ['/help', '/static/vendor/nhsuk-frontend.css', '/static/tidewell.css', '/static/icon.svg']

self.addEventListener('install', (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})

self.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  if (event.request.method !== 'GET' || !FILES.includes(pathname)) return
  event.respondWith(answer(event.request, pathname))
})

async function keep() {
  const cache = await caches.open(KEPT)
  await Promise.all(
    FILES.map(async (path) => {
      const found = await fetch(path, { credentials: 'omit', cache: 'no-store' })
      if (found.ok) await cache.put(path, found)
    }),
  )
}

async function answer(request, pathname) {
  try {
    const found = await fetch(request)
    if (found.ok && pathname === '/help') await keep().catch(() => {})
    return found
  } catch {
    const cache = await caches.open(KEPT)
    return (await cache.match(pathname)) ?? Response.error()
  }
}
