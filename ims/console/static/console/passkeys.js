// Passkeys. allauth's scripts talk to the browser; this joins them to our forms and says in words what went wrong.
const NOT_DONE = 'The passkey was not used. Try again, or sign in another way.'

function start (form) {
  const button = form.querySelector('button[type=submit]')
  const data = document.getElementById('passkey-data')
  const ids = { credential: form.querySelector('input[name=credential]').id }
  button.id = button.id || 'passkey-button'
  if (data) ids.data = data.id
  const forms = window.allauth.webauthn.forms
  if (form.dataset.passkey === 'add') {
    button.type = 'button'
    forms.addForm({ ids: { ...ids, add: button.id, passwordless: 'id_passwordless' } })
  } else if (form.dataset.passkey === 'use') {
    forms.authenticateForm({ ids: { ...ids, authenticate: button.id } })
  } else {
    forms.loginForm({ ids: { ...ids, login: button.id } })
  }
  document.addEventListener('allauth.error', (event) => {
    event.preventDefault()
    form.querySelector('[data-passkey-error]').textContent = NOT_DONE
  })
  form.hidden = false
}

if (window.PublicKeyCredential && window.allauth?.webauthn) {
  document.querySelectorAll('form[data-passkey]').forEach(start)
  document.querySelectorAll('[data-needs-passkeys]').forEach((element) => { element.hidden = false })
  document.querySelectorAll('[data-without-passkeys]').forEach((element) => { element.hidden = true })
}
