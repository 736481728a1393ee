// One stream of events for all tabs of a browser: one tab listens, and tells the others.
//
// Whoever holds the lock listens. When that tab is closed the lock goes to another one. A browser that
// knows no locks or channels gives each tab a stream of its own, as if this module were not there.

export function openStream(address, after, key) {
  const isShared = key && navigator.locks && 'BroadcastChannel' in window
  return isShared ? new SharedStream(address, after, key) : new EventSource(`${address}?after=${after}`)
}

class SharedStream extends EventTarget {
  constructor(address, after, key) {
    super()
    this.address = address
    this.after = after
    this.source = null
    this.lastState = null
    this.leaving = new AbortController()
    const name = `tidewell-live-${key}`
    this.channel = new BroadcastChannel(name)
    this.channel.addEventListener('message', ({ data }) => this.hear(data))
    this.channel.postMessage({ kind: 'hello', after })
    navigator.locks
      .request(name, { signal: this.leaving.signal }, () => this.listen())
      .catch(() => {}) // closed before its turn came
  }

  get readyState() {
    return this.source ? this.source.readyState : EventSource.OPEN
  }

  // Lasts for as long as this tab listens for all.
  listen() {
    if (this.leaving.signal.aborted) return undefined
    this.source = new EventSource(`${this.address}?after=${this.after}`)
    for (const kind of ['state', 'alert']) {
      this.source.addEventListener(kind, ({ data, lastEventId }) => this.tell({ kind, data, lastEventId }))
    }
    this.source.addEventListener('error', () => this.tell({ kind: 'error' }))
    return new Promise((resolve) => this.leaving.signal.addEventListener('abort', resolve))
  }

  tell(message) {
    if (this.leaving.signal.aborted) return
    this.channel.postMessage(message)
    this.pass(message)
  }

  hear(message) {
    if (message.kind === 'hello') return this.welcome(message.after)
    this.pass(message)
  }

  // A tab that was drawn before the last event reads its page again; all of them may, it does no harm.
  welcome(after) {
    if (!this.source || !this.lastState) return
    if (Number(this.after) > Number(after)) {
      this.channel.postMessage({ kind: 'state', data: JSON.stringify({ state: 'catch_up' }) })
    }
    this.channel.postMessage({ kind: 'state', data: this.lastState })
  }

  pass({ kind, data, lastEventId }) {
    if (kind === 'state') this.lastState = data
    if (kind === 'alert') this.after = lastEventId
    this.dispatchEvent(kind === 'error' ? new Event('error') : new MessageEvent(kind, { data, lastEventId }))
  }

  close() {
    this.leaving.abort()
    this.source?.close()
    this.channel.close()
  }
}
