/**
 * A client of pg_eventrelay that comes back by itself and misses nothing: docs/client.md, types in client.d.ts.
 *
 * A message goes from a transport, which carries one connection, to `Connection`, which lasts over as many as it takes,
 * and from there to who asked for it. The position is the id of the last message, whatever its type.
 */

/** Milliseconds. */
const TIMES = {
  /** Before the next connection: doubled after each failure, and half of it random. */
  firstWait: 500, longestWait: 30_000,
  /** For the first message of a connection. */
  opening: 15_000,
  /** The relay says something on a stream each 30 s. */
  streamSilence: 75_000,
  /** A page is not shown a WebSocket's pings, so it asks for something that is always answered. */
  socketSilence: 45_000, probe: 30_000,
  poll: 25_000,
  /** After so long, what the first transports could not do is tried again. */
  retryBetter: 300_000,
  tick: 5_000,
}
/** Messages that wait for `for await`, or for a tab that reads up. Beyond it they are left to the log. */
const MAX_QUEUE = 1_000
/** Characters. A message has some 50,000 at the most. */
const MAX_LINE = 1_000_000
const PAGE = 1_000
/** Milliseconds. */
const MAX_RETRY_AFTER = 300_000
/** Names of one request, and bytes of an address: the relay takes no more. */
const MAX_NAMES = 100, MAX_ADDRESS = 8_000
/** Looks at the history for what another tab has told and is not written yet. */
const MAX_LOOKS = 20

export const connect = (url, options) => new Connection(url, options)

export class Refused extends Error {
  constructor(status, detail) {
    super(detail)
    this.name = 'Refused'
    this.status = status
  }
}

export async function history(url, { channels, token, signal, after, before, limit, wait }) {
  const address = addressOf(baseOf(url), 'history', namesOf(channels), { after, before, limit, wait: wait && `${wait}s` })
  const page = await (await request(address, await tokenOf(token, signal), signal)).json()
  if (!Array.isArray(page?.events) || !isId(page.head)) throw new Error('no history')
  return page
}

// Requests

function baseOf(url) {
  const base = new URL(url, globalThis.document?.baseURI)
  base.protocol = base.protocol.replace('ws', 'http')
  base.pathname = base.pathname.replace(/\/*$/, '/')
  base.search = base.hash = ''
  return base
}

const isId = Number.isSafeInteger
const namesOf = (channels) => (typeof channels === 'string' ? [channels] : [...channels])
/** Whom a token is asked of may never give one. */
const tokenOf = (token, signal) => (typeof token === 'function' ? unlessAborted(signal, Promise.resolve(token())) : token)

function addressOf(base, route, channels, parameters) {
  const address = new URL(route, base)
  for (const channel of channels) address.searchParams.append('channel', channel)
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) address.searchParams.append(name, value)
  }
  return address
}

/** Only what the relay itself says is a refusal: a proxy whose relay is away answers all kinds of things. */
async function request(address, token, signal, headers = {}) {
  if (token) headers.Authorization = `Bearer ${token}`
  const response = await fetch(address, { headers, signal, cache: 'no-store' })
  if (response.ok) return response
  const { status } = response
  const isRelay = response.headers.get('Content-Type')?.startsWith('application/problem+json')
  const { detail = `answered with ${status}` } = (await response.json().catch(() => null)) ?? {}
  const isFinal = isRelay && status < 500 && ![408, 425, 429].includes(status)
  const error = isFinal ? new Refused(status, detail) : new Error(detail)
  error.answered = isRelay
  error.status = status
  error.retryAfter = Math.min(1000 * response.headers.get('Retry-After') || 0, MAX_RETRY_AFTER)
  throw error
}

function sleep(milliseconds, signal) {
  let timer
  const elapsed = new Promise((resolve) => { timer = setTimeout(resolve, milliseconds) })
  return unlessAborted(signal, elapsed).finally(() => clearTimeout(timer))
}

/** Rejected with the signal's reason, if that is first. */
function unlessAborted(signal, promise) {
  return new Promise((resolve, fail) => {
    const abort = () => fail(signal.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    promise.then(resolve, fail).finally(() => signal?.removeEventListener('abort', abort))
  })
}

// Transports. Each carries one connection, and throws when it is over.

const TRANSPORTS = {
  async websocket(link) {
    const token = await link.askToken()
    link.signal.throwIfAborted()
    link.patience = link.times.socketSilence
    const address = link.address('listen', link.position)
    address.protocol = address.protocol.replace('http', 'ws')
    const socket = new link.WebSocket(address, token ? ['pg_eventrelay', `bearer.${token}`] : [])
    await new Promise((_, fail) => {
      link.signal.addEventListener('abort', () => { socket.close(); fail(link.signal.reason) })
      socket.onopen = () => link.opened((request) => socket.send(JSON.stringify(request)))
      socket.onmessage = ({ data }) => { try { link.take(JSON.parse(data)) } catch (error) { fail(error) } }
      // Not every WebSocket tells of a close that no opening went before.
      socket.onerror = () => fail(new Error('failed'))
      socket.onclose = ({ code, reason }) => fail(new Error(reason || `closed with ${code}`))
    }).finally(() => socket.close())
  },

  async stream(link) {
    link.patience = link.times.streamSilence
    const address = link.address('listen', link.position)
    const response = await request(address, await link.askToken(), link.signal, { Accept: 'text/event-stream' })
    if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) throw new Error('no stream')
    link.opened()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (let next; !(next = await reader.read()).done;) {
      link.heard()
      const lines = (rest + next.value).split('\n')
      rest = lines.pop()
      if (rest.length > MAX_LINE) throw new Error('too long')
      for (const line of lines) if (line.startsWith('data:')) link.take(JSON.parse(line.slice(5)))
    }
    throw new Error('ended')
  },

  async poll(link) {
    link.patience = 2 * link.times.poll
    const ends = Date.now() + link.times.retryBetter
    let { 'last-seen-id': id } = link.position
    let wait = 1, isLive = false
    const live = (head) => {
      id = head
      isLive = true
      link.take({ type: 'live', id })
    }
    if (id === 'latest') {
      const { head } = await link.page({ after: 0, limit: 1, wait })
      link.opened()
      live(head)
    }
    while (Date.now() < ends) {
      const asked = Date.now()
      const page = await link.page({ after: id, limit: link.pageLimit, wait })
      const isEarly = Date.now() - asked < 500 * wait && !page.events.length
      if (!isLive) link.opened()
      link.heard()
      // An answer at once means that there never was such an id. Else it is one that isn't written yet.
      if (page.head < id && isEarly) {
        link.take(gap(page.head, id + 1, 'ahead'))
        id = page.head
      }
      for (const message of page.events) {
        link.take(message)
        id = message.id
      }
      if (!page.has_more && page.head >= id && !isLive) live(page.head)
      if (isEarly) await sleep(1000, link.signal)
      wait = Math.ceil(link.times.poll / 1000)
    }
  },
}

// Position

/** In memory, and in a storage if there is one. */
class Position {
  #key; #storage

  constructor({ lastSeenId = 'latest', log, storage }, key) {
    this.id = lastSeenId
    this.log = log
    if (!storage) return
    this.#key = storage.key ?? (typeof storage === 'string' ? storage : key)
    try {
      this.#storage = storage.getItem ? storage : globalThis.localStorage
      const stored = JSON.parse(this.#storage.getItem(this.#key))
      if (isId(stored?.id)) Object.assign(this, { id: stored.id, log: stored.log })
    } catch (error) { this.#giveUp(error) }
  }

  move({ id, log = this.log }) {
    if (!isId(id)) return
    this.id = id
    this.log = log
    try { this.#storage?.setItem(this.#key, JSON.stringify({ id, log })) } catch (error) { this.#giveUp(error) }
  }

  #giveUp(error) {
    this.#storage = undefined
    console.warn('pg_eventrelay: position not kept:', error)
  }
}

// Connection

const DROPPED = new Error('dropped')

/** One connection by one transport, until it ends or is given up. */
class Link {
  #abort = new AbortController()
  #watch; #heardAt = Date.now()
  /** Milliseconds, once something was heard. */
  patience = Infinity
  wasHeard = false
  #probedAt = 0
  isOpen = false
  usedToken; send

  /** @param of what it serves: base, channels, received, times, failures, token, WebSocket, onOpen, onMessage. */
  constructor(of) {
    Object.assign(this, of)
    this.#watch = setInterval(() => this.#look(), this.times.tick)
  }

  get signal() { return this.#abort.signal }
  /** Where large pages don't come through in time, smaller ones may. */
  get pageLimit() { return Math.max(50, PAGE >> this.failures) }
  get position() {
    const { id, log } = this.received
    return { 'last-seen-id': id, log: id === 'latest' ? undefined : log }
  }

  async askToken() { return (this.usedToken = await tokenOf(this.token, this.signal)) }
  address(route, parameters) { return addressOf(this.base, route, this.channels, parameters) }
  page(parameters) { return history(this.base, { ...this, signal: this.signal, ...parameters }) }

  opened(send) {
    if (this.signal.aborted || this.isOpen) return
    this.isOpen = true
    this.send = send
    this.onOpen(this)
  }

  heard() { this.#heardAt = Date.now() }

  /** What still comes of a connection that was given up is not heard. */
  take(message) {
    if (this.signal.aborted) return
    if (!isId(message?.id)) throw new Error('no message')
    this.heard()
    this.wasHeard = true
    this.onMessage(message)
  }

  drop(reason = DROPPED) {
    clearInterval(this.#watch)
    this.#abort.abort(reason)
  }

  #look() {
    const now = Date.now(), silence = now - this.#heardAt
    const { opening, probe } = this.times
    if (!this.wasHeard || !this.send) {
      if (silence > (this.wasHeard ? this.patience : opening)) this.#giveUp(silence)
    } else if (this.#probedAt <= this.#heardAt) {
      // Timers of a page in the background are late: nothing is given up that was not asked for a sign of life.
      if (silence <= probe) return
      this.#probedAt = now
      this.send({ unsubscribe: [] })
    } else if (now - this.#probedAt > this.patience - probe) {
      this.#giveUp(silence)
    }
  }

  #giveUp(silence) { this.drop(new Error(`silent for ${silence} ms`)) }
}

const HANDLERS = { event: 'onEvent', gap: 'onGap', live: 'onLive' }

class Connection {
  #base; #options; #times; #channels; #key
  #end = new AbortController()
  #state; #error
  /** Of the last message that came: the next connection begins there. `#handled` is of the last that was done with. */
  #received; #handled
  /** Messages for `for await`; undefined where there is an `onEvent`. */
  #queue
  /** Who waits for the queue to change, or for the end. */
  #waiting = new Set()
  #link; #failures = 0; #renewals = 0; #hurry = () => {}
  /** Asked for and not yet answered, and whether the first of them is on its way. */
  #changes = []; #isAsking = false
  /** Where other tabs hear what comes here; set in the tab that has the connection of all. */
  #tabs

  constructor(url, options) {
    this.#base = baseOf(url)
    this.#options = options
    this.#times = { ...TIMES, ...options.times }
    this.#channels = new Set(namesOf(options.channels))
    this.#check(this.#channels)
    this.#key = `pg_eventrelay:${this.#base}:${JSON.stringify([...this.#channels].sort())}`
    this.#handled = new Position(options, this.#key)
    this.#received = { id: this.#handled.id, log: this.#handled.log }
    if (!options.onEvent) this.#queue = []
    globalThis.addEventListener?.('online', () => this.#hurry(), { signal: this.#end.signal })
    this.closed = this.#run()
    // Who looks at the state, or reads the messages, is told there.
    if (options.onState || this.#queue) this.closed.catch(() => {})
  }

  get state() { return this.#state }
  get channels() { return [...this.#channels] }
  get lastSeenId() { return this.#handled.id }
  get log() { return this.#handled.log }

  subscribe(...channels) { return this.#request('subscribe', channels.flat()) }
  unsubscribe(...channels) { return this.#request('unsubscribe', channels.flat()) }

  reconnect() {
    this.#link?.drop()
    this.#hurry()
  }

  close() {
    this.#end.abort()
    this.reconnect()
    this.#wake()
  }

  async* [Symbol.asyncIterator]() {
    if (!this.#queue) throw new TypeError('onEvent takes all')
    try {
      while (!this.#isOver || this.#error) {
        const message = this.#queue.shift()
        if (message) {
          if (!this.#queue.length) this.#wake()
          yield message
          // The next one is asked for, so this one is done with.
          this.#handled.move(message)
        } else if (this.#error) {
          throw this.#error
        } else {
          await this.#change()
        }
      }
    } finally {
      this.close()
    }
  }

  async #run() {
    await undefined
    const canShare = this.#options.shared && globalThis.navigator?.locks && globalThis.BroadcastChannel
    try {
      await (canShare ? this.#share() : this.#connect())
      this.#enter('closed')
    } catch (error) {
      this.#error = error
      this.#enter('refused', { error })
      throw error
    } finally {
      this.#end.abort()
      for (const { fail } of this.#changes) fail(this.#error ?? new Error('closed'))
      this.#wake()
    }
  }

  get #isOver() { return this.#end.signal.aborted }
  get #isFull() { return this.#queue?.length >= MAX_QUEUE }
  /** Of the queue, or the end. */
  #change() { return new Promise((resolve) => this.#waiting.add(resolve)) }
  #wake() {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #newLink() {
    const { token, WebSocket = globalThis.WebSocket } = this.#options
    return (this.#link = new Link({
      base: this.#base, channels: this.#channels, received: this.#received, times: this.#times, failures: this.#failures,
      token, WebSocket, onOpen: (link) => this.#opened(link), onMessage: (message) => this.#take(message),
    }))
  }

  /** A request by itself: what it gives, or why it failed. */
  async #ask(parameters) {
    const link = this.#newLink()
    const answer = await link.page({ limit: link.pageLimit, ...parameters }).then((page) => ({ page }), (error) => ({ error: link.signal.reason ?? error }))
    link.drop()
    return answer
  }

  /** One connection after another, until the end, or until other tabs would wait for the reader of this one. */
  async #connect() {
    const { token, transports = Object.keys(TRANSPORTS), WebSocket = globalThis.WebSocket } = this.#options
    const names = transports.filter((name) => TRANSPORTS[name] && (name !== 'websocket' || WebSocket))
    if (!names.length) throw new TypeError('no transport')
    let at = 0
    while (!this.#isOver) {
      if (this.#isFull) {
        if (this.#tabs) return
        await this.#pause()
        continue
      }
      const transport = names[at], began = Date.now(), link = this.#newLink()
      this.#enter('connecting', { transport })
      let error = await TRANSPORTS[transport](link).then(() => DROPPED, (reason) => link.signal.reason ?? reason)
      link.drop()
      const lasted = Date.now() - began
      if (link.wasHeard && lasted > this.#times.retryBetter) at = 0
      if (link.wasHeard && lasted > this.#times.longestWait) this.#failures = 0
      if (error === DROPPED) continue
      if (!link.wasHeard && !error.answered) {
        // Either the relay is away, or this transport does not get through where a request does.
        const probe = await this.#ask({ limit: 0, token: link.usedToken ?? token })
        error = probe.error ?? error
        if (!probe.error) at = (at + 1) % names.length
        if (error === DROPPED || !probe.error && at) continue
      }
      await this.#failed(error, transport)
    }
  }

  /** Waits before the next attempt, until `reconnect()` or `close()` at the most. Throws what is final. */
  async #failed(error, transport) {
    // A token may end on its way here, so another one is asked for once.
    const isRenewed = error.status === 401 && typeof this.#options.token === 'function' && !this.#renewals++
    if (error instanceof Refused && !isRenewed) throw error
    const longest = Math.min(this.#times.longestWait, this.#times.firstWait * 2 ** this.#failures++)
    const wait = Math.max(error.retryAfter ?? 0, longest * (0.5 + Math.random() / 2))
    const hurry = new AbortController()
    this.#hurry = () => hurry.abort()
    this.#enter('waiting', { transport, error, wait })
    if (!this.#isOver) await sleep(wait, hurry.signal).catch(() => {})
    this.#hurry = () => {}
  }

  /** While nothing more can be taken, there is no connection, but what is asked for is answered. */
  async #pause() {
    const link = this.#newLink()
    const ended = new Promise((resolve) => link.signal.addEventListener('abort', resolve))
    link.isOpen = true
    this.#isAsking = false
    this.#askNext(link)
    await Promise.race([this.#change(), ended])
    link.drop()
    const { reason } = link.signal
    if (reason !== DROPPED && this.#changes.length) await this.#failed(reason)
  }

  #opened(link) {
    this.#isAsking = false
    this.#enter('replaying')
    this.#askNext(link)
  }

  #take(message) {
    this.#renewals = 0
    if (message.type === 'live') this.#enter('live')
    else this.#failures = 0
    if (Array.isArray(message.channels)) this.#answered(message)
    this.#deliver(message)
  }

  #deliver(message) {
    if (this.#isOver) return
    const { type, id, log = this.#received.log } = message
    const after = this.#received.id
    if (isId(id)) this.#received = { id, log }
    this.#tabs?.postMessage({ after, message, log })
    if (!this.#queue) {
      this.#call(HANDLERS[type], message)
      this.#handled.move(message)
    } else if (HANDLERS[type]) {
      this.#queue.push(message)
      this.#wake()
      if (this.#isFull) this.#link?.drop()
    }
  }

  #enter(state, detail = {}) {
    this.#state = state
    this.#call('onState', state, detail)
  }

  /** What a handler throws is reported as what any listener throws. */
  #call(name, ...values) {
    try { this.#options[name]?.(...values) } catch (error) { queueMicrotask(() => { throw error }) }
  }

  // Other channels

  #check(channels) {
    if (!channels.size) throw new TypeError('no channels')
    if (addressOf(this.#base, 'listen', channels, {}).href.length > MAX_ADDRESS) throw new TypeError('too many channels')
  }

  /** The channels with these changes. Throws where the relay would not take them. */
  #channelsAfter(...changes) {
    const channels = new Set(this.#channels)
    for (const each of changes) apply(each, channels)
    this.#check(channels)
    return channels
  }

  #request(kind, channels) {
    return new Promise((resolve, fail) => {
      if (this.#options.shared) throw new TypeError('shared channels stay')
      if (!channels.length) return resolve()
      if (channels.length > MAX_NAMES) throw new TypeError('too many channels')
      const change = { kind, channels: channels.map(String), resolve, fail }
      this.#channelsAfter(...this.#changes, change)
      if (this.#isOver) throw this.#error ?? new Error('closed')
      this.#changes.push(change)
      if (this.#link?.isOpen) this.#askNext(this.#link)
    })
  }

  /** One at a time, as the relay bounds how many may wait. What is not answered is asked for on the next connection. */
  async #askNext(link) {
    const [change] = this.#changes
    if (!change || this.#isAsking || link.signal.aborted) return
    this.#isAsking = true
    const { kind, channels } = change
    let then
    // One before it may have been refused.
    try { then = this.#channelsAfter(change) } catch (error) { return this.#settle(error) }
    if (link.send) return link.send({ [kind]: channels })
    // Another transport begins anew with what was asked for, if the relay takes it.
    try {
      if (kind === 'subscribe') await link.page({ channels: then, limit: 0 })
      if (link.signal.aborted) return
      link.drop()
      this.#settle()
    } catch (error) {
      if (link.signal.aborted) return
      if (error.answered) this.#settle(new Refused(error.status, error.message))
      else link.drop(error)
    }
  }

  #answered({ type, channels, status, detail }) {
    if (type === 'refused') this.#settle(new Refused(status, detail))
    // Else it is the answer to a probe.
    else if (channels.length) this.#settle()
  }

  /** The first of what was asked for. */
  #settle(error) {
    const change = this.#changes.shift()
    this.#isAsking = false
    if (error) change?.fail(error)
    else if (change) {
      apply(change, this.#channels)
      change.resolve()
    }
    this.#askNext(this.#link)
  }

  // Tabs

  /**
   * The tab that holds a lock has the connection, and tells the others what comes and after which message it came.
   * They take what follows on what they saw last, pass over what they saw, and read up in the history what they missed.
   * When the tab goes, the lock goes to another one, which connects with its own position.
   */
  async #share() {
    const name = `${this.#key}:${this.#options.shared}`
    const tabs = new BroadcastChannel(name), me = Math.random()
    let work = Promise.resolve(), queued = 0, isBehind = false
    const join = () => {
      isBehind = false
      if (!this.#isOver) tabs.postMessage({ join: me })
    }
    const follow = ({ data }) => {
      if (data.join || (data.to ?? me) !== me) return
      // What finds no place is read up afterwards.
      if (queued >= MAX_QUEUE) return void (isBehind = true)
      queued += 1
      work = work.then(() => this.#follow(data)).catch((error) => {
        this.#error ??= error
        this.close()
      }).finally(() => { if (!--queued && isBehind) join() })
    }
    const answer = ({ data: { join: to } }) => {
      const { id: after, log } = this.#received
      if (to && this.#tabs && after !== 'latest') tabs.postMessage({ to, after, log })
    }
    const lead = async () => {
      // What it was reading up comes by its own connection.
      tabs.onmessage = answer
      this.#tabs = tabs
      this.reconnect()
      this.#wake()
      await work
      await this.#connect()
    }
    try {
      while (!this.#isOver) {
        tabs.onmessage = follow
        this.#enter('shared')
        join()
        await navigator.locks.request(name, { signal: this.#end.signal }, lead).catch((error) => {
          if (this.#tabs) throw error
          // Where a page may not have locks, it has a connection of its own.
          if (!this.#isOver) return this.#connect()
        })
        this.#tabs = undefined
        while (this.#isFull && !this.#isOver) await this.#change()
      }
    } finally {
      tabs.close()
    }
    if (this.#error) throw this.#error
  }

  /** Without a message: where the other tab is. */
  async #follow({ after, message, log }) {
    if (this.#tabs) return
    const { id, log: mine } = this.#received
    let next = message ?? { type: 'live', id: after, log }
    // What comes first is `live`, with the head.
    const from = after === 'latest' ? next.id : after
    if (id !== 'latest' && id !== from) {
      if (next.reason === 'replaced') {
        next = { ...next, after: Math.min(id, next.after) }
      } else if (next.reason === 'ahead') {
        // It takes back only who is ahead as well.
        if (next.id >= id) return
      } else if (mine && log && mine !== log) {
        this.#deliver({ ...gap(Math.min(id, from), Math.max(id, from) + 1, 'replaced'), id: from, log })
      } else if (next.id <= id) {
        return
      } else if (from > id) {
        await this.#readUp(from)
      }
    }
    while (this.#isFull && !this.#tabs && !this.#isOver) await this.#change()
    if (!this.#tabs) this.#deliver(next)
  }

  /** What the history has up to this id. */
  async #readUp(to) {
    const isOver = () => this.#tabs || this.#isOver
    for (let looks = 0; looks < MAX_LOOKS && !isOver(); ) {
      if (this.#isFull) {
        await this.#change()
        continue
      }
      const { page, error } = await this.#ask({ after: this.#received.id, before: to + 1 })
      if (isOver()) return
      if (error) {
        if (error !== DROPPED) await this.#failed(error)
        continue
      }
      this.#renewals = this.#failures = 0
      for (const message of page.events) this.#deliver(message)
      if (page.has_more && page.events.length) continue
      if (page.head >= to) return this.#enter('shared')
      // Something was told before it was written.
      looks += 1
      await sleep(this.#times.firstWait, this.#end.signal).catch(() => {})
    }
    if (!isOver()) this.#deliver({ ...gap(this.#received.id, to + 1, 'unlogged'), id: to })
  }
}

const gap = (after, before, reason) => ({ type: 'gap', id: after, channel: null, after, before, lost: null, reason })

function apply({ kind, channels }, to) {
  for (const channel of channels) kind === 'subscribe' ? to.add(channel) : to.delete(channel)
}
