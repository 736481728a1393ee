// Starts what a page can do with a script. Every page works without it.

import { copyOnClick } from './copy.mjs'
import { initAll } from './vendor/nhsuk-frontend.js'
import { followEvents } from './live.mjs'
import { offerNotifications } from './notifications.mjs'
import { offerPasskeys } from './passkeys.mjs'

initAll()
copyOnClick(document)
offerPasskeys(document)
const place = document.querySelector('[data-live]')
if (place) followEvents(place)
const offer = document.querySelector('[data-push]')
if (offer) offerNotifications(offer)
// A browser that refuses it shows the pages as ever, and its own page when there is no network.
navigator.serviceWorker?.register('/worker.mjs', { scope: '/' }).catch(() => {})
