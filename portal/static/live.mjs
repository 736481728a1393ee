// Keeps an open page fresh and says truthfully whether it is.
//
// An event only says that something happened; the page then fetches itself through the same door as
// always. The focus is never moved and a half-filled form is never replaced: then a link is offered.

import { openStream } from './shared-stream.mjs'

const silentAfterMs = 40_000 // more than two signs of life, which come every 15 seconds
const tryAgainMs = 15_000 // when the browser has given up by itself
const gatherMs = 300 // one fetch for events that come together

export function followEvents(place) {
  const page = new LivePage(place)
  page.connect()
}

class LivePage {
  constructor(place) {
    this.address = place.dataset.live
    this.after = place.dataset.liveAfter
    this.key = place.dataset.liveKey
    this.state = place.querySelector('[data-live-state]')
    this.news = place.querySelector('[data-live-news]')
    this.refreshLink = place.querySelector('[data-live-refresh]')
    this.updatedAt = new Date()
    this.newAlerts = 0
    this.gathering = null
    this.missedSome = false
    addEventListener('pagehide', () => this.source?.close())
    addEventListener('pageshow', (event) => event.persisted && this.connect())
  }

  connect() {
    this.source?.close()
    this.source = openStream(this.address, this.after, this.key)
    this.source.addEventListener('state', (event) => this.onState(JSON.parse(event.data).state))
    this.source.addEventListener('alert', (event) => {
      this.after = event.lastEventId
      this.onAlert(JSON.parse(event.data))
    })
    this.source.addEventListener('error', () => this.onError())
    this.expectLife()
  }

  expectLife() {
    clearTimeout(this.lifeTimer)
    this.lifeTimer = setTimeout(() => {
      this.showReconnecting()
      this.key = '' // whoever listened for us is silent
      this.connect()
    }, silentAfterMs)
  }

  onState(state) {
    this.expectLife()
    if (state === 'signed_out') return this.showSignedOut()
    if (state !== 'live') {
      if (state === 'catch_up') this.gather()
      return this.showReconnecting()
    }
    this.showLive()
    if (this.missedSome) {
      this.missedSome = false
      this.gather()
    }
  }

  onError() {
    this.missedSome = true
    this.showReconnecting()
    if (this.source.readyState === EventSource.CLOSED) {
      clearTimeout(this.lifeTimer)
      this.lifeTimer = setTimeout(() => this.connect(), tryAgainMs)
    }
  }

  onAlert({ id, kind }) {
    this.expectLife()
    const region = document.querySelector('[data-live-region]')
    const only = region?.dataset.liveAlert
    if (kind === 'created' && only !== id) this.newAlerts += 1
    if (only === undefined || only === id) this.gather()
    this.showNews()
  }

  gather() {
    clearTimeout(this.gathering)
    this.gathering = setTimeout(() => this.refetch(), gatherMs)
  }

  async refetch() {
    const region = document.querySelector('[data-live-region]')
    if (!region || this.isInUse(region)) return this.offer('This page has changed, show')
    try {
      const answer = await fetch(this.refreshLink.href, { headers: { 'X-Tidewell-Refresh': '1' } })
      if (answer.redirected) return this.showSignedOut()
      if (!answer.ok) return this.showReconnecting()
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const freshRegion = fresh.querySelector('[data-live-region]')
      if (!freshRegion || this.isInUse(region)) return this.offer('This page has changed, show')
      region.replaceChildren(...document.adoptNode(freshRegion).childNodes)
      this.updatedAt = new Date()
      if (region.dataset.liveAlert === undefined) this.showArrivals()
    } catch {
      this.missedSome = true
      this.showReconnecting()
    }
  }

  isInUse(region) {
    const open = region.querySelector('details[open], :target, [data-live-begun]') !== null
    const fields = [...region.querySelectorAll('[data-live-form] :is(input, select, textarea)')]
    return open || fields.some(isChanged) || region.contains(document.activeElement)
  }

  showArrivals() {
    if (this.newAlerts === 0) return
    const words = this.newAlerts === 1 ? '1 new alert' : `${this.newAlerts} new alerts`
    this.news.textContent = `${words} at ${this.clock(new Date())}, now in the list`
    this.newAlerts = 0
  }

  showNews() {
    const region = document.querySelector('[data-live-region]')
    if (this.newAlerts === 0) return
    if (region?.dataset.liveAlert === undefined && !this.isInUse(region)) return
    this.offer(this.newAlerts === 1 ? '1 new alert, show' : `${this.newAlerts} new alerts, show`)
  }

  offer(words) {
    const link = document.createElement('a')
    link.href = words.includes('alert') ? '/' : this.refreshLink.href
    link.textContent = words
    this.news.replaceChildren(link)
  }

  showLive() {
    this.say('Live')
    this.refreshLink.hidden = true
  }

  showReconnecting() {
    this.say(`Reconnecting, last updated ${this.clock(this.updatedAt)}`)
    this.refreshLink.hidden = false
  }

  showSignedOut() {
    this.source.close()
    clearTimeout(this.lifeTimer)
    this.say('You are signed out. This page is old; sign in again.')
    this.refreshLink.hidden = false
  }

  say(words) {
    if (this.state.textContent !== words) this.state.textContent = words
  }

  clock(moment) {
    return moment.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  }
}

function isChanged(field) {
  if (field.type === 'radio' || field.type === 'checkbox') return field.checked !== field.defaultChecked
  if (field.options === undefined) return field.value !== field.defaultValue
  const begun = [...field.options].findIndex((option) => option.defaultSelected)
  return field.selectedIndex !== Math.max(begun, 0)
}
