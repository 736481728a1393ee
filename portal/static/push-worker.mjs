// Shows a notification, and opens its page when it is tapped. It fetches nothing and keeps nothing:
// opening a page accepts nothing, and what the page shows is behind the sign-in.

self.addEventListener('push', (event) => {
  const { title, body, link, tag } = event.data.json()
  event.waitUntil(
    self.registration.showNotification(title, { body, tag, renotify: true, data: { link }, icon: '/static/icon.svg' }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data.link))
})

async function open(link) {
  const page = new URL(link, self.location.origin)
  const address = page.origin === self.location.origin ? page.href : '/'
  const windows = await self.clients.matchAll({ type: 'window' })
  const same = windows.find((one) => one.url === address)
  return same ? same.focus() : self.clients.openWindow(address)
}
