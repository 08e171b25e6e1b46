// Single keys for people who work through a list. They can be turned off, and never act while somebody types.
const remembered = 'ims-suspense-keys'
const hint = document.querySelector('[data-keys]')
const toggle = hint?.querySelector('[data-keys-toggle]')
let on = window.localStorage.getItem(remembered) !== 'off'

function show () {
  if (!hint) return
  hint.hidden = false
  toggle.textContent = on ? 'Turn keys off' : 'Turn keys on'
  toggle.setAttribute('aria-pressed', String(on))
}

toggle?.addEventListener('click', () => {
  on = !on
  window.localStorage.setItem(remembered, on ? 'on' : 'off')
  show()
})
show()

function move (step) {
  const rows = [...document.querySelectorAll('[data-row]')]
  if (!rows.length) return
  const at = rows.indexOf(document.activeElement)
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)
  rows[next].focus()
}

document.addEventListener('keydown', (event) => {
  if (!on || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.target.closest('input, textarea, select, [contenteditable]')) return
  if (event.key === 'j') return move(1)
  if (event.key === 'k') return move(-1)
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)
  if (!target) return
  event.preventDefault()
  if (target.matches('input, textarea, select')) target.focus()
  else target.click()
})
