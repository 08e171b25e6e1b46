// Small improvements to pages that already work without script.
import {
  createAll, Button, ErrorSummary, NotificationBanner, ServiceNavigation, SkipLink
} from './vendor/govuk-frontend.min.js'

document.body.classList.add('js-enabled')
if ('noModule' in HTMLScriptElement.prototype) document.body.classList.add('govuk-frontend-supported')

for (const component of [Button, ErrorSummary, NotificationBanner, ServiceNavigation, SkipLink]) {
  createAll(component)
}

// A job's progress: asks the server every two seconds, and loads the page anew once the job has ended.
function followProgress (element) {
  const bar = element.querySelector('progress')
  const text = element.querySelector('[data-progress-text]')
  const ask = async () => {
    try {
      const answer = await fetch(element.dataset.progress, { headers: { Accept: 'application/json' } })
      if (!answer.ok) throw new Error(String(answer.status))
      const now = await answer.json()
      if (now.finished) return window.location.reload()
      if (now.total) {
        bar.max = now.total
        bar.value = now.done
      } else {
        bar.removeAttribute('value')
      }
      if (text.textContent !== now.text) text.textContent = now.text
    } catch {
      text.textContent = 'The server does not answer just now. Trying again.'
    }
    window.setTimeout(ask, 2000)
  }
  window.setTimeout(ask, 1000)
}
document.querySelectorAll('[data-progress]').forEach(followProgress)

// One box that ticks every box of a table.
document.querySelectorAll('input[data-select-all]').forEach((all) => {
  const boxes = () => document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(all.dataset.selectAll)}"]`)
  all.closest('[hidden]')?.removeAttribute('hidden')
  all.addEventListener('change', () => boxes().forEach((box) => { box.checked = all.checked }))
})

document.querySelectorAll('input[data-select-within]').forEach((all) => {
  all.parentElement.hidden = false
  all.addEventListener('change', () => {
    document.querySelectorAll(`${all.dataset.selectWithin} input[type=checkbox]`).forEach((box) => { box.checked = all.checked })
  })
})

// Choosers that act at once; their button is needed only without script.
document.querySelectorAll('select[data-submit-on-change]').forEach((chooser) => {
  chooser.addEventListener('change', () => chooser.form.requestSubmit())
})

document.querySelectorAll('[data-print]').forEach((button) => {
  button.hidden = false
  button.addEventListener('click', () => window.print())
})

// “/” goes to the search box, as in most tools staff use.
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, select, [contenteditable]')
  const box = document.querySelector('[data-search-box]')
  if (event.key === '/' && box && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault()
    box.focus()
    box.select()
  }
})

// Django's admin: names for what its own widgets leave unnamed to screen readers.
function nameWidgets () {
  document.querySelectorAll('.select2-selection').forEach((box) => {
    const chooser = box.closest('.select2')?.previousElementSibling
    const label = chooser?.labels?.[0]?.textContent.replace(/:\s*$/, '').trim()
    if (!label) return
    box.setAttribute('aria-label', label)
    box.querySelector('[role=textbox]')?.setAttribute('aria-label', label)
  })
  document.querySelectorAll('.datetime input').forEach((input) => {
    const legend = input.closest('.form-row')?.querySelector('legend, label')?.textContent.replace(/:\s*$/, '').trim()
    if (legend) input.setAttribute('aria-label', `${legend} (${input.classList.contains('vTimeField') ? 'time' : 'date'})`)
  })
  document.querySelectorAll('.help-tooltip[aria-label]').forEach((tip) => tip.setAttribute('role', 'img'))
}
if (document.body.classList.contains('ims-admin')) {
  window.addEventListener('load', () => window.setTimeout(nameWidgets))
  document.addEventListener('formset:added', () => window.setTimeout(nameWidgets))
}
