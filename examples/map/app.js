import { history } from 'http://localhost:7700/client.js'
import { follow } from '../shared/follow.js'
import { $, ask, changeOf, showState, svg, attempt } from '../shared/page.js'

const relay = 'http://localhost:7700'
/** Places in a trail. The vehicles move each 0.6 s, so it shows the last ten seconds. */
const TRAIL = 16
/** The most that `/history` gives at once: some 50 s of this town. */
const PAGE = 1000

/** Radii. */
const SIZES = { bus: 10, tram: 10, bike: 6, ferry: 11, drone: 7 }

drawStreets()

/** By id. */
const vehicles = new Map()
let moves = 0

follow(relay, 'positions', {
  // Where everything is, which is in the table, and how it came there, which is in the log.
  async load() {
    const rows = await ask('vehicles')
    const { events } = await history(relay, { channels: ['positions'], limit: PAGE })
    for (const vehicle of vehicles.values()) vehicle.remove()
    vehicles.clear()
    for (const row of rows) vehicles.set(row.id, new Vehicle(row))
    for (const event of events) {
      // Nobody knows which way was taken during a gap.
      if (event.type === 'gap') for (const vehicle of vehicles.values()) vehicle.trail = []
      const { new: row } = changeOf(event)
      if (row) vehicles.get(row.id)?.leaveTrail(row)
    }
  },

  apply(event, reload) {
    const { operation, new: row } = changeOf(event)
    // A vehicle that is new or gone, or a message without rows.
    if (operation !== 'UPDATE' || !row) return reload()
    moves += 1
    vehicles.get(row.id)?.move(row)
  },

  onState: showState,
})

class Vehicle {
  trail = []
  #from; #to
  /** Milliseconds of the page's clock. A move takes as long as the one before it took to be followed by the next. */
  #began = performance.now()
  #takes = 600
  #mark; #path

  constructor({ kind, name, x, y }) {
    this.#from = this.#to = { x, y }
    this.#mark = svg('g', { class: kind }, svg('circle', { r: SIZES[kind] ?? 8 }), svg('text', {}, name))
    this.#path = svg('path', { class: kind })
    $('vehicles').append(this.#mark)
    $('trails').append(this.#path)
  }

  /** From where it is shown, so that nothing ever jumps. */
  move({ x, y }) {
    const now = performance.now()
    this.#from = this.#shown(now)
    this.leaveTrail(this.#to)
    this.#to = { x, y }
    this.#takes = Math.min(Math.max(now - this.#began, 100), 1500)
    this.#began = now
  }

  leaveTrail({ x, y }) {
    this.trail.push({ x, y })
    if (this.trail.length > TRAIL) this.trail.shift()
  }

  draw(now) {
    const { x, y } = this.#shown(now)
    this.#mark.style.transform = `translate(${x}px, ${y}px)`
    // The last place of the trail is where it was to go when it set out for the next one, which it may not have reached.
    const past = this.trail.slice(0, -1)
    this.#path.setAttribute('d', `M${[...past, { x, y }].map((place) => `${place.x} ${place.y}`).join('L')}`)
  }

  remove() {
    this.#mark.remove()
    this.#path.remove()
  }

  #shown(now) {
    const part = Math.min((now - this.#began) / this.#takes, 1)
    const between = (from, to) => from + (to - from) * part
    return { x: between(this.#from.x, this.#to.x), y: between(this.#from.y, this.#to.y) }
  }
}

function drawAll(now) {
  for (const vehicle of vehicles.values()) vehicle.draw(now)
  requestAnimationFrame(drawAll)
}
requestAnimationFrame(drawAll)

setInterval(() => {
  $('rate').textContent = `${vehicles.size} vehicles, ${moves} moves a second`
  moves = 0
}, 1000)

$('map').addEventListener('click', ({ clientX, clientY }) => {
  const { x, y } = new DOMPoint(clientX, clientY).matrixTransform($('map').getScreenCTM().inverse())
  const ring = svg('circle', { class: 'target', cx: x, cy: y, r: 4 })
  $('map').append(ring)
  ring.animate({ r: ['4px', '26px'], opacity: [1, 0] }, 900).finished.then(() => ring.remove())
  attempt('target', { x, y })
})

function drawStreets() {
  const wide = [
    ...[90, 190, 300, 410].map((y) => `M0 ${y}H${y === 90 ? 842 : 815}`),
    ...[120, 270, 440, 600, 720].map((x) => `M${x} 0V500`),
    'M120 410L440 190L600 90', 'M440 90L120 300',
  ]
  const narrow = [
    'M0 140H120', 'M195 90V190', 'M355 90V190', 'M660 190V300', 'M600 245H720', 'M0 455H815',
    'M520 410V500', 'M660 410V500', 'M350 410V500', 'M195 300V410', 'M470 215H575V275H470Z', 'M720 140H830', 'M770 190V300',
  ]
  const path = (kind) => (d) => svg('path', { class: kind, d })
  $('streets').append(
    ...narrow.map(path('casing lane')), ...wide.map(path('casing')),
    ...narrow.map(path('street lane')), ...wide.map(path('street')),
    path('rail')('M120 410L440 190L600 90H440L120 300Z'),
  )
}
