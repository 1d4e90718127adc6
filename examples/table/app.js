import { follow } from '../shared/follow.js'
import { $, ask, changeOf, el, showState, attempt } from '../shared/page.js'

/** Rows of the page by the key of the table. */
const rows = new Map()
const COLUMNS = ['id', 'customer', 'item', 'quantity', 'status']

follow('http://localhost:7700', 'orders', {
  async load() {
    const orders = await ask('orders')
    rows.clear()
    $('orders').replaceChildren()
    for (const order of orders) show(order)
  },

  apply(event, reload) {
    const { operation, old, new: order } = changeOf(event)
    // Neither in a TRUNCATE, nor where the rows were too long for NOTIFY and the key came alone.
    if (!old && !order) return reload()
    if (operation === 'DELETE') remove(old.id)
    else show(order, 'changed')
  },

  onState: showState,
})

/** An event may tell what the state has already: then nothing changes. */
function show(order, how) {
  let row = rows.get(order.id)
  if (!row) {
    row = makeRow(order.id)
    rows.set(order.id, row)
    $('orders').prepend(row)
    if (how) flash(row, 'var(--good)')
  }
  row.dataset.status = order.status
  COLUMNS.forEach((column, i) => {
    const shown = row.cells[i].firstChild
    const text = String(order[column])
    if (shown.textContent === text) return
    if (how && shown.textContent) flash(row.cells[i], 'var(--wait)')
    shown.textContent = text
  })
}

async function remove(id) {
  const row = rows.get(id)
  if (!row) return
  rows.delete(id)
  row.classList.add('gone')
  await row.animate({ opacity: [1, 0], background: ['var(--bad)', 'transparent'] }, 500).finished
  row.remove()
}

function makeRow(id) {
  const row = el('tr', { 'data-id': id })
  row.append(
    ...COLUMNS.map((column) => el('td', { class: ['id', 'quantity'].includes(column) ? 'number' : '' }, el('span', { class: column }))),
    el('td', {},
      button('Next', 'next', () => attempt('advance', { id })),
      button('Remove', 'remove', () => attempt('removal', { id }))),
  )
  return row
}

function button(label, kind, onClick) {
  const made = el('button', { class: `quiet ${kind}` }, label)
  made.addEventListener('click', onClick)
  return made
}

function flash(element, color) {
  element.animate({ background: [`color-mix(in srgb, ${color} 35%, transparent)`, 'transparent'] }, 1500)
}

$('new').addEventListener('click', () => attempt('order'))
