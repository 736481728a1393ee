// Keeps the page of help in the browser, so that it is there without a network. It is the only page that is kept:
// it says nothing about anybody.

export function keepHelp() {
  if (!('serviceWorker' in navigator) || !window.isSecureContext) return
  navigator.serviceWorker.register('/help-worker.mjs', { scope: '/help', type: 'module' }).catch(() => {})
}
