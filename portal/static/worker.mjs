// Stands between the pages and the network: shows notifications, and two pages when there is no network: that of
// help as it is, and one that says so in place of any other.
//
// It keeps exactly the files of OFFLINE and nothing else: no page about a person is ever kept, and a page
// that did come from the network is handed through untouched. Opening a page accepts nothing.

const VERSION = '@VERSION@' // put in by the pages: it changes with the help lines, so phones fetch them again
const PAGE = '/offline'
const HELP = '/help'
const OFFLINE = [PAGE, HELP, '/static/vendor/nhsuk-frontend.css', '/static/tidewell.css', '/static/icon.svg']

self.addEventListener('install', (event) => event.waitUntil(keepOffline()))
self.addEventListener('activate', (event) => event.waitUntil(takeOver()))

self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request
  if (method !== 'GET') return
  const { origin, pathname } = new URL(url)
  if (mode === 'navigate') event.respondWith(orOffline(event, pathname === HELP ? HELP : PAGE))
  else if (origin === self.location.origin && OFFLINE.includes(pathname)) event.respondWith(orOffline(event, pathname))
})

self.addEventListener('push', (event) => {
  const { title, body, link, tag } = event.data.json()
  event.waitUntil(
    self.registration.showNotification(title, { body, tag, renotify: true, data: { link }, icon: '/static/icon-192.png' }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data.link))
})

async function keepOffline() {
  const cache = await caches.open(VERSION)
  // Without the cookie, so that what is kept is the same for everybody.
  await cache.addAll(OFFLINE.map((path) => new Request(path, { credentials: 'omit', cache: 'reload' })))
  await self.skipWaiting()
}

async function takeOver() {
  const names = await caches.keys()
  await Promise.all(names.filter((name) => name !== VERSION).map((name) => caches.delete(name)))
  await self.registration.navigationPreload?.enable()
  await self.clients.claim()
}

async function orOffline(event, path) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request))
  } catch (error) {
    const kept = await (await caches.open(VERSION)).match(path)
    if (kept) return kept
    throw error
  }
}

async function open(link) {
  const page = new URL(link, self.location.origin)
  const address = page.origin === self.location.origin ? page.href : '/'
  const windows = await self.clients.matchAll({ type: 'window' })
  const same = windows.find((one) => one.url === address)
  return same ? same.focus() : self.clients.openWindow(address)
}
