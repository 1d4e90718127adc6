import { connect, history } from 'http://localhost:7700/client.js'
import { $, el, insist, showState, tell } from '../shared/page.js'

const relay = 'http://localhost:7700'
const ROOMS = ['lobby', 'kitchen', 'garden']
const PAGE = 100
/** Of a room, on the page. The oldest leave; the log still has them. */
const MAX_LINES = 500

const channels = ROOMS.map((room) => `chat.${room}`)
const rooms = Object.fromEntries(channels.map((channel, i) => [channel, makeRoom(channel, ROOMS[i])]))
let shown = rooms[channels[0]]

// Lines

/** What others wrote enters the page as text, never as markup. */
function line({ id, time, payload }) {
  const { author, text } = said(payload)
  const face = el('span', { class: 'face', 'aria-hidden': true, style: `--hue: ${hue(author)}` }, [...author][0].toUpperCase())
  const at = new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  const mine = author === $('author').value ? 'mine' : ''
  return el('article', { class: `line ${mine}`, 'data-id': id },
    face, el('div', {}, el('b', {}, author), el('time', { datetime: time }, at)), el('p', {}, text))
}

/** Anyone with psql can say something too: NOTIFY "chat.lobby", 'hello'. */
function said(payload) {
  try {
    const { author, text } = JSON.parse(payload)
    if ([author, text].every((each) => each && typeof each === 'string')) return { author, text }
  } catch { /* no line of ours */ }
  return { author: 'psql', text: payload }
}

const gapLine = ({ id, reason }) => el('p', { class: 'gap', 'data-id': id }, `Lines may be missing here (${reason}).`)

const hue = (name) => [...name].reduce((sum, letter) => (31 * sum + letter.codePointAt(0)) % 360, 0)

// Rooms

function makeRoom(channel, name) {
  const list = el('div', { class: 'list', 'data-channel': channel })
  const unread = el('span', { class: 'unread' })
  const button = el('button', { type: 'button' }, el('span', {}, name), unread)
  button.addEventListener('click', () => enter(room))
  $('rooms').append(button)
  $('lines').append(list)
  const room = {
    name, list, unread, button,
    /** The id where the lines on the page begin, while the log has more below it. */
    begins: null,
    countUnread: () => { unread.textContent = Number(unread.textContent) + 1 },
    put(entry, how) {
      // Not what is missing, but where a recording began.
      if (entry.reason === 'unrecorded' && entry.after === 0) return
      const isAtEnd = $('lines').scrollHeight - $('lines').scrollTop - $('lines').clientHeight < 40
      list[how](entry.type === 'gap' ? gapLine(entry) : line(entry))
      if (how === 'append' && list.children.length > MAX_LINES) {
        list.firstChild.remove()
        room.begins = Number(list.firstChild.dataset.id)
        $('earlier').hidden = shown.begins === null
      }
      if (how === 'append' && isAtEnd) $('lines').scrollTop = $('lines').scrollHeight
    },
    async readBefore(id) {
      const page = await insist(() => history(relay, { channels: [channel], before: id, limit: PAGE }))
      const fromEnd = $('lines').scrollHeight - $('lines').scrollTop
      room.begins = page.has_more ? page.events[0].id : null
      for (const entry of page.events.reverse()) room.put(entry, 'prepend')
      if (room === shown) {
        $('lines').scrollTop = $('lines').scrollHeight - fromEnd
        $('earlier').hidden = room.begins === null
      }
    },
  }
  return room
}

function enter(room) {
  shown = room
  room.unread.textContent = ''
  for (const each of Object.values(rooms)) {
    each.list.hidden = each !== room
    each.button.setAttribute('aria-current', each === room)
  }
  $('earlier').hidden = room.begins === null
  $('lines').scrollTop = $('lines').scrollHeight
}

$('earlier').addEventListener('click', async () => {
  $('earlier').disabled = true
  await shown.readBefore(shown.begins)
  $('earlier').disabled = false
})

// What you say. It comes back as an event, as it does to everyone else.

$('author').value = sessionStorage.author ?? `Guest ${Math.floor(100 + 900 * Math.random())}`
$('author').addEventListener('change', () => { sessionStorage.author = $('author').value })
$('say').addEventListener('submit', async (event) => {
  event.preventDefault()
  const [author, text] = [$('author').value, $('text').value]
  $('failure').hidden = true
  try {
    await tell('line', { room: shown.name, author, text })
    if ($('text').value === text) $('text').value = ''
  } catch (error) {
    $('failure').textContent = `Not sent: ${error.message}`
    $('failure').hidden = false
  }
})

enter(shown)

// A position first. What was said up to it comes from the history, what is said after it from the connection, one for
// all rooms: nothing is missed at the seam, and nothing comes twice.
const { head } = await insist(() => history(relay, { channels, limit: 0 }))
await Promise.all(Object.values(rooms).map((room) => room.readBefore(head + 1)))
enter(shown)
connect(relay, {
  channels,
  lastSeenId: head,
  onEvent(event) {
    rooms[event.channel].put(event, 'append')
    if (rooms[event.channel] !== shown) rooms[event.channel].countUnread()
  },
  onGap(gap) {
    for (const room of gap.channel === null ? Object.values(rooms) : [rooms[gap.channel]]) room.put(gap, 'append')
  },
  onState: showState,
})
