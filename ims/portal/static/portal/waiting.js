// The page that waits for an outcome asks for it, and shows the result once there is one. Everything else works without.
// Not by a refresh (element or header): that would load the page under somebody who is reading it, again and again,
// with no way to stop it (WCAG 2.2.1, failure F41). Here nothing moves until there is something new to say; the link
// “Look again now” stays for whoever has no script, and for after the last try.
const SECONDS_BETWEEN = [2, 3, 5, 8, 13, 20, 30, 40]

async function isKnown (address) {
  try {
    const answer = await fetch(address, { headers: { Accept: 'application/json' } })
    return answer.ok && (await answer.json()).is_known
  } catch {
    return false // No network just now: the next try may have one.
  }
}

async function wait (element) {
  element.hidden = false
  for (const seconds of SECONDS_BETWEEN) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    if (await isKnown(element.dataset.outcome)) return window.location.replace(element.dataset.result)
  }
  element.hidden = true
}

document.querySelectorAll('[data-outcome]').forEach(wait)
