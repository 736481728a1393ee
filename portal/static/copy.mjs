// Copies a text that stands on the page. Without this module the text can be selected as ever.

export function copyOnClick(page) {
  page.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]')
    if (!button) return
    const text = page.getElementById(button.dataset.copy)
    const said = page.getElementById(button.getAttribute('aria-describedby'))
    try {
      await navigator.clipboard.writeText(text.textContent.trim())
      said.textContent = 'Copied'
    } catch {
      text.hidden = false
      getSelection().selectAllChildren(text)
      said.textContent = 'It is marked; copy it with your keyboard or by holding it'
    }
  })
}
