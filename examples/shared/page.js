/** What the pages of all examples share, none of it about the relay: elements, requests to the own backend, the state line. */

export const $ = (id) => document.getElementById(id)

export const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children)

export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Asks the backend for something. */
export const ask = (name) => answered(fetch(`/api/${name}`))

/** Lets the backend do something. */
export function tell(name, fields = {}) {
  return answered(fetch(`/api/${name}`, { method: 'POST', body: JSON.stringify(fields) }))
}

/** The same at a click: what could not be done is said in the state line for a while. */
export async function attempt(name, fields) {
  try {
    await tell(name, fields)
  } catch (error) {
    const { state } = $('state').dataset, text = $('state').textContent, failure = `Failed: ${error.message}`
    setState('refused', failure)
    setTimeout(() => { if ($('state').textContent === failure) setState(state, text) }, 3000)
  }
}

async function answered(request) {
  const response = await request
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  return response.json()
}

/** What was asked for, once it can be had. */
export async function insist(work) {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      console.warn(error)
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
}

/** What a trigger of `pg_eventrelay sql trigger` tells. Nothing, for what others may send on its channel. */
export function changeOf({ payload }) {
  try {
    return JSON.parse(payload) ?? {}
  } catch {
    return {}
  }
}

const STATES = {
  connecting: 'Connecting …',
  replaying: 'Reading what was missed …',
  live: 'Live',
  waiting: 'The relay is away',
  refused: 'Refused',
}

/** For `onState`. */
export function showState(state, { wait, error } = {}) {
  const next = wait ? `, next try in ${(wait / 1000).toFixed(1)} s` : ''
  setState(state, `${STATES[state] ?? state}${state === 'refused' ? `: ${error.message}` : next}`)
}

export function setState(state, text) {
  $('state').dataset.state = state
  $('state').textContent = text
}
