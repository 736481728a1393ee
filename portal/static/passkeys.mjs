// Makes and uses passkeys: asks the site for a question, lets the browser answer it, and sends the
// answer as a form. Without a script, or in a browser that cannot, nothing is offered.

export function offerPasskeys(page) {
  if (!window.PublicKeyCredential || !navigator.credentials) return
  for (const form of page.querySelectorAll('form[data-passkey]')) {
    form.hidden = false
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      answer(form)
    })
  }
}

async function answer(form) {
  const state = form.querySelector('[data-passkey-state]')
  const button = form.querySelector('button')
  state.textContent = ''
  button.disabled = true
  try {
    const options = await ask(form.dataset.passkeyOptions)
    const isNew = form.dataset.passkey === 'create'
    const credential = await (isNew ? create(options) : get(options))
    form.elements.credential.value = JSON.stringify(credential)
    form.submit()
  } catch (error) {
    const isThere = error.name === 'InvalidStateError'
    state.textContent = isThere ? form.dataset.passkeyThere : form.dataset.passkeyFailed
    button.disabled = false
  }
}

async function ask(address) {
  const answer = await fetch(address, { method: 'POST', headers: { Accept: 'application/json' } })
  if (!answer.ok || answer.redirected) throw new Error('no question')
  return answer.json()
}

async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    },
  })
  return plain(made, {
    clientDataJSON: text(made.response.clientDataJSON),
    attestationObject: text(made.response.attestationObject),
  })
}

async function get(options) {
  const used = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: listed(options.allowCredentials),
    },
  })
  const { clientDataJSON, authenticatorData, signature, userHandle } = used.response
  return plain(used, {
    clientDataJSON: text(clientDataJSON),
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    ...(userHandle ? { userHandle: text(userHandle) } : {}),
  })
}

function plain(credential, response) {
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response }
}

function listed(credentials) {
  return (credentials ?? []).map((one) => ({ ...one, id: bytes(one.id) }))
}

function bytes(base64url) {
  const base64 = base64url.replace(/-/g, '+').replace(/_/g, '/')
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))
}

function text(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer))
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
