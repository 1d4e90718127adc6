import { history } from 'http://localhost:7700/client.js'
import { follow } from '../shared/follow.js'
import { $, ask, changeOf, el, setState, showState, svg, attempt } from '../shared/page.js'

const relay = 'http://localhost:7700'
/** What the charts show, in seconds; a bar is one second. */
const SPAN = 90
/** The most that `/history` gives at once: about as much as the charts show. */
const PAGE = 1000
const MAX_LOG = 6

/** By name. */
const counters = new Map()
/** Where events may be missing: milliseconds since 1970. */
let gaps = []
/** The newest event in the charts, and when it was. */
let charted = { id: 0, time: Date.now() }
/** While PostgreSQL is away, since when. */
let awaySince = null
let connection = { state: 'connecting' }

follow(relay, 'counters', {
  // The totals are in the table. How they came about is in the log, and so is where it has gaps.
  async load() {
    const rows = await ask('counters')
    const { events } = await history(relay, { channels: ['counters'], limit: PAGE })
    const grown = rows.map(({ name, total }) => `${total - (counters.get(name)?.total ?? total)} ${name.toLowerCase()}`)
    const isFirst = !counters.size
    for (const { name, total } of rows) {
      if (!counters.has(name)) counters.set(name, new Counter(name))
      counters.get(name).begin(total)
    }
    chart(events)
    if (!isFirst) log('good', `The totals were read again: ${grown.join(', ')} more than this page knew of.`)
    document.body.dataset.loads = Number(document.body.dataset.loads ?? 0) + 1
  },

  apply(event, reload) {
    const { old, new: row } = changeOf(event)
    if (!old || !counters.has(row?.name)) return reload()
    // A total and not what to add to it: to set it to what it is already does no harm.
    counters.get(row.name).total = row.total
    // A bar is added to, so an event must not come into it twice.
    if (event.id > charted.id) count(event, row.name, row.total - old.total)
  },

  onGap({ reason }) {
    const began = awaySince ?? charted.time
    awaySince = null
    log('bad', `A gap (${reason}): what happened within ${((Date.now() - began) / 1000).toFixed(1)} s may be missing.`)
  },

  onState(state, detail) {
    connection = { state, detail }
    showAll()
  },
})

/** Bars and gaps from the log. A gap lasts from the event before it to the one after it. */
function chart(events) {
  gaps = []
  charted = { id: 0, time: Date.now() - 1000 * SPAN }
  for (const event of events) {
    if (event.type === 'gap') {
      // Where the recording began, nothing is missing.
      if (event.after > 0 && event.reason !== 'unrecorded') gaps.push({ from: charted.time, to: null })
    } else {
      const { old, new: row } = changeOf(event)
      if (old && counters.has(row?.name)) count(event, row.name, row.total - old.total)
    }
  }
}

function count({ id, time }, name, number) {
  charted = { id, time: Date.parse(time) }
  for (const gap of gaps) gap.to ??= charted.time
  counters.get(name).count(charted.time, number)
}

class Counter {
  total = 0
  #bars = new Map()
  #shown = { total: el('output', { class: 'total' }), rate: el('span', { class: 'rate' }) }
  #path = svg('path')
  #bands = el('div')

  constructor(name) {
    const picture = svg('svg', { viewBox: `0 0 ${SPAN} 100`, preserveAspectRatio: 'none', 'aria-hidden': true }, this.#path)
    $('counters').append(el('article', { class: 'card counter', 'data-name': name },
      el('header', {}, el('h2', {}, name), this.#shown.rate, this.#shown.total),
      el('div', { class: 'chart' }, picture, this.#bands),
      el('div', { class: 'axis' }, el('span', {}, `${SPAN} s ago`), el('span', {}, 'now'))))
  }

  begin(total) {
    this.total = total
    this.#bars.clear()
  }

  count(time, number) {
    const second = Math.floor(time / 1000)
    this.#bars.set(second, (this.#bars.get(second) ?? 0) + number)
  }

  draw(now) {
    const begin = now / 1000 - SPAN
    for (const second of this.#bars.keys()) if (second < begin - 1) this.#bars.delete(second)
    const most = Math.max(4, ...this.#bars.values())
    let bars = ''
    for (const [second, number] of this.#bars) bars += `M${second - begin} 100v${-95 * number / most}h.8V100Z`
    this.#path.setAttribute('d', bars)
    this.#shown.total.textContent = this.total.toLocaleString('en')
    this.#shown.rate.textContent = `${this.#bars.get(Math.floor(now / 1000) - 1) ?? 0}/s`
    const percent = (time) => Math.min(Math.max((time / 1000 - begin) / SPAN, 0), 1) * 100
    this.#bands.replaceChildren(...openGaps(now).map(({ from, to }) =>
      el('div', { class: 'gap', title: 'Events may be missing', style: `left: ${percent(from)}%; width: ${percent(to) - percent(from)}%` })))
  }
}

/** Those in the charts, also the one that is not over yet. */
function openGaps(now) {
  const all = awaySince === null ? gaps : [...gaps, { from: Math.min(awaySince, charted.time), to: null }]
  return all.map(({ from, to }) => ({ from, to: to ?? now })).filter(({ to }) => to > now - 1000 * SPAN)
}

/** The connection to the relay says nothing of PostgreSQL, which the backend asks about. */
async function look() {
  const { state, since } = await ask('health').catch(() => ({}))
  if (state === 'disconnected' && awaySince === null) {
    awaySince = Date.parse(since)
    log('bad', 'PostgreSQL went away. The relay stays, and so does this page’s connection to it.')
  } else if (state === 'connected') {
    awaySince = null
  }
  $('stop').disabled = awaySince !== null
  showAll()
}

function showAll() {
  if (connection.state !== 'live' || awaySince === null) return showState(connection.state, connection.detail)
  setState('away', `PostgreSQL has been away since ${new Date(awaySince).toLocaleTimeString()}`)
}

function log(kind, text) {
  const now = new Date()
  $('log').prepend(el('li', { class: kind }, el('time', { datetime: now.toISOString() }, now.toLocaleTimeString()), el('span', {}, text)))
  if ($('log').children.length > MAX_LOG) $('log').lastChild.remove()
}

$('stop').addEventListener('click', () => {
  $('stop').disabled = true
  attempt('outage')
})

setInterval(look, 500)
setInterval(() => {
  const now = Date.now()
  for (const counter of counters.values()) counter.draw(now)
}, 200)
