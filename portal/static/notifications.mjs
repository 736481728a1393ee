// Switches notifications on for this phone: asks the browser, and sends what it gave as a form.
//
// Without a script, or in a browser that cannot, the page says so and offers nothing.

export async function offerNotifications(place) {
  const state = place.querySelector('[data-push-state]')
  const button = place.querySelector('[data-push-on]')
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) {
    state.textContent = place.dataset.pushCannot
    return
  }
  if (Notification.permission === 'denied') {
    state.textContent = place.dataset.pushDenied
    return
  }
  state.textContent = ''
  button.hidden = false
  button.addEventListener('click', async () => {
    button.disabled = true
    try {
      await switchOn(place)
    } catch (error) {
      const isDenied = Notification.permission === 'denied' || error.name === 'NotAllowedError'
      state.textContent = isDenied ? place.dataset.pushDenied : place.dataset.pushFailed
      button.disabled = false
    }
  })
}

async function switchOn(place) {
  if ((await Notification.requestPermission()) !== 'granted') throw new DOMException('', 'NotAllowedError')
  const worker = await navigator.serviceWorker.ready
  // One of an earlier key of this site could not be used, nor replaced.
  await (await worker.pushManager.getSubscription())?.unsubscribe()
  const subscription = await worker.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: place.dataset.push,
  })
  const { endpoint, keys } = subscription.toJSON()
  const form = place.querySelector('form')
  form.elements.endpoint.value = endpoint
  form.elements.p256dh.value = keys.p256dh
  form.elements.auth.value = keys.auth
  form.submit()
}
