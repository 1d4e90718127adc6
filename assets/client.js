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
  if (!Array.isArray(page?.events) || !Number.isSafeInteger(page.head)) throw new Error('what came is no history')
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
    const token = await link.token()
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
      socket.onerror = () => fail(new Error('the WebSocket failed'))
      socket.onclose = ({ code, reason }) => fail(new Error(reason || `closed with ${code}`))
    }).finally(() => socket.close())
  },

  async stream(link) {
    link.patience = link.times.streamSilence
    const address = link.address('listen', link.position)
    const response = await request(address, await link.token(), link.signal, { Accept: 'text/event-stream' })
    if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) throw new Error('no event stream came')
    link.opened()
    let rest = ''
    for await (const text of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
      link.heard()
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      if (rest.length > MAX_LINE) throw new Error('too long a line')
      for (const line of lines) if (line.startsWith('data:')) link.take(JSON.parse(line.slice(5)))
    }
    throw new Error('the event stream ended')
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
      const page = await link.page({ after: id, limit: PAGE, wait })
      const isEarly = Date.now() - asked < 500 * wait && !page.events.length
      if (!isLive) link.opened()
      link.heard()
      // An answer at once means that there never was such an id. Else it is one that isn't written yet.
      if (page.head < id && isEarly) {
        link.take({ type: 'gap', id: page.head, channel: null, after: page.head, before: id + 1, lost: null, reason: 'ahead' })
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

/** Not every browser can iterate over a stream. */
async function* chunks(stream) {
  const reader = stream.getReader()
  for (let next; !(next = await reader.read()).done;) yield next.value
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
      if (Number.isSafeInteger(stored?.id)) Object.assign(this, { id: stored.id, log: stored.log })
    } catch (error) { this.#giveUp(error) }
  }

  move({ id, log = this.log }) {
    if (!Number.isSafeInteger(id)) return
    this.id = id
    this.log = log
    try { this.#storage?.setItem(this.#key, JSON.stringify({ id, log })) } catch (error) { this.#giveUp(error) }
  }

  #giveUp(error) {
    this.#storage = undefined
    console.warn('pg_eventrelay: the position is not kept:', error)
  }
}

// Connection

const DROPPED = new Error('dropped')

/** One connection by one transport, until it ends or is given up. */
class Link {
  #abort = new AbortController()
  #watch; #heardAt = Date.now(); #of
  /** Milliseconds, once something was heard. */
  patience = Infinity
  wasHeard = false
  isOpen = false
  usedToken; send

  /** @param of what it serves: base, channels, received, times, token, WebSocket, onOpen, onMessage. */
  constructor(of) {
    this.#of = of
    this.#watch = setInterval(() => this.#look(), of.times.tick)
  }

  get signal() { return this.#abort.signal }
  get times() { return this.#of.times }
  get WebSocket() { return this.#of.WebSocket }
  get position() {
    const { id, log } = this.#of.received
    return { 'last-seen-id': id, log: id === 'latest' ? undefined : log }
  }

  async token() { return (this.usedToken = await tokenOf(this.#of.token, this.signal)) }
  address(route, parameters) { return addressOf(this.#of.base, route, this.#of.channels, parameters) }

  page(parameters) {
    const { base, channels, token } = this.#of
    return history(base, { channels, token, signal: this.signal, ...parameters })
  }

  opened(send) {
    if (this.signal.aborted || this.isOpen) return
    this.isOpen = true
    this.send = send
    this.#of.onOpen(this)
  }

  heard() { this.#heardAt = Date.now() }

  /** What still comes of a connection that was given up is not heard. */
  take(message) {
    if (this.signal.aborted) return
    if (!Number.isSafeInteger(message?.id)) throw new Error('what came is no message')
    this.heard()
    this.wasHeard = true
    this.#of.onMessage(message)
  }

  drop(reason = DROPPED) {
    clearInterval(this.#watch)
    this.#abort.abort(reason)
  }

  #look() {
    const silence = Date.now() - this.#heardAt
    const { opening, probe } = this.times
    if (silence > (this.wasHeard ? this.patience : opening)) this.drop(new Error(`silent for ${silence} ms`))
    else if (silence > probe && this.isOpen) this.send?.({ unsubscribe: [] })
  }
}

const HANDLERS = { event: 'onEvent', gap: 'onGap', live: 'onLive' }

class Connection {
  #base; #options; #times; #channels; #key
  #end = new AbortController()
  #state; #error
  /** Of the last message that came: the next connection begins there. `#handled` is of the last that was done with. */
  #received; #handled
  /** Messages for `for await`; undefined where there is an `onEvent`. */
  #queue; #wakeReader = () => {}; #wakeWriter = () => {}
  #link; #failures = 0; #hurry = () => {}
  /** Asked for and not yet answered, and whether the first of them is on its way. */
  #changes = []; #isAsking = false
  /** Where other tabs hear what comes here; set in the tab that has the connection of all. */
  #tabs

  constructor(url, options) {
    this.#base = baseOf(url)
    this.#options = options
    this.#times = { ...TIMES, ...options.times }
    this.#channels = new Set(namesOf(options.channels))
    if (!this.#channels.size) throw new TypeError('a connection needs a channel')
    this.#key = `pg_eventrelay:${this.#base}:${[...this.#channels].sort()}`
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

  subscribe(...channels) { return this.#change('subscribe', channels) }
  unsubscribe(...channels) { return this.#change('unsubscribe', channels) }

  reconnect() {
    this.#link?.drop()
    this.#hurry()
  }

  close() {
    this.#end.abort()
    this.reconnect()
    this.#wakeWriter()
    this.#wakeReader()
  }

  async* [Symbol.asyncIterator]() {
    if (!this.#queue) throw new TypeError('with onEvent there is nothing to iterate over')
    try {
      while (!this.#end.signal.aborted || this.#error) {
        const message = this.#queue.shift()
        if (message) {
          if (!this.#queue.length) this.#wakeWriter()
          // When the next one is asked for, or none any more, this one is done with.
          try { yield message } finally { this.#handled.move(message) }
        } else if (this.#error) {
          throw this.#error
        } else {
          await new Promise((resolve) => { this.#wakeReader = resolve })
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
      this.#wakeReader()
    }
  }

  /** One connection after another, until the end. Throws `Refused`. */
  async #connect() {
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket
    const { token, transports = Object.keys(TRANSPORTS) } = this.#options
    const names = transports.filter((name) => name !== 'websocket' || WebSocket)
    if (!names.length) throw new TypeError('there is no transport')
    const newLink = () => (this.#link = new Link({
      base: this.#base, channels: this.#channels, received: this.#received, times: this.#times,
      token, WebSocket, onOpen: (link) => this.#opened(link), onMessage: (message) => this.#take(message),
    }))
    let at = 0, renewals = 0
    while (!this.#end.signal.aborted) {
      if (this.#queue?.length >= MAX_QUEUE) {
        await new Promise((resolve) => { this.#wakeWriter = resolve })
        continue
      }
      const transport = names[at], began = Date.now(), link = newLink()
      this.#enter('connecting', { transport })
      let error = await TRANSPORTS[transport](link).then(() => DROPPED, (reason) => link.signal.reason ?? reason)
      link.drop()
      if (link.wasHeard && Date.now() - began > this.#times.retryBetter) at = 0
      if (error === DROPPED) continue
      if (!link.wasHeard && !error.answered) {
        // Either the relay is away, or this transport does not get through where a request does.
        const probe = newLink()
        const failure = await probe.page({ limit: 0, token: link.usedToken ?? token }).then(() => undefined, (reason) => probe.signal.reason ?? reason)
        probe.drop()
        if (failure === DROPPED) continue
        if (failure) error = failure
        else {
          at = (at + 1) % names.length
          if (at > 0) continue
        }
      }
      if (link.wasHeard) renewals = 0
      // A token may end on its way here, so another one is asked for once.
      if (error instanceof Refused && !(error.status === 401 && typeof token === 'function' && !renewals++)) throw error
      const longest = Math.min(this.#times.longestWait, this.#times.firstWait * 2 ** this.#failures++)
      const wait = Math.max(error.retryAfter ?? 0, longest * (0.5 + Math.random() / 2))
      this.#enter('waiting', { transport, error, wait })
      await this.#sleep(wait)
    }
  }

  /** Until `reconnect()` or `close()` at the most. */
  async #sleep(milliseconds) {
    const hurry = new AbortController()
    this.#hurry = () => hurry.abort()
    if (!this.#end.signal.aborted) await sleep(milliseconds, hurry.signal).catch(() => {})
    this.#hurry = () => {}
  }

  #opened(link) {
    this.#isAsking = false
    this.#enter('replaying')
    this.#askNext(link)
  }

  #take(message) {
    this.#failures = 0
    if (message.type === 'live') this.#enter('live')
    if (Array.isArray(message.channels)) this.#answered(message)
    this.#deliver(message)
  }

  #deliver(message) {
    const { type, id, log = this.#received.log } = message
    const after = this.#received.id
    if (Number.isSafeInteger(id)) this.#received = { id, log }
    this.#tabs?.postMessage({ after, message, log })
    if (!this.#queue) {
      this.#call(HANDLERS[type], message)
      this.#handled.move(message)
    } else if (HANDLERS[type]) {
      this.#queue.push(message)
      this.#wakeReader()
      if (this.#queue.length >= MAX_QUEUE) this.#link?.drop()
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

  #change(kind, channels) {
    return new Promise((resolve, fail) => {
      if (this.#options.shared) throw new TypeError('a shared connection keeps its channels')
      if (!channels.length) return resolve()
      const change = { kind, channels, resolve, fail }
      const then = new Set(this.#channels)
      for (const each of [...this.#changes, change]) apply(each, then)
      if (!then.size) throw new TypeError('a connection needs a channel: close() ends it')
      if (this.#end.signal.aborted) throw this.#error ?? new Error('closed')
      this.#changes.push(change)
      if (this.#link?.isOpen) this.#askNext(this.#link)
    })
  }

  /** One at a time, as the relay bounds how many may wait. What is not answered is asked for on the next connection. */
  async #askNext(link) {
    const [change] = this.#changes
    if (!change || this.#isAsking) return
    this.#isAsking = true
    const { kind, channels } = change
    if (link.send) return link.send({ [kind]: channels })
    // Another transport begins anew with what was asked for, if the relay takes it.
    try {
      if (kind === 'subscribe') await link.page({ channels: new Set([...this.#channels, ...channels]), limit: 0 })
      if (link.signal.aborted) return
      this.#answered({ type: kind, channels })
      if (!this.#changes.length) link.drop()
    } catch (error) {
      if (link.signal.aborted) return
      if (error instanceof Refused) this.#answered({ ...error, type: 'refused', channels, detail: error.message })
      else link.drop(error)
    }
  }

  #answered({ type, channels, status, detail }) {
    // The answer to a probe.
    if (!channels.length) return
    const change = this.#changes.shift()
    if (type === 'refused') change?.fail(new Refused(status, detail))
    else if (change) {
      apply(change, this.#channels)
      change.resolve()
    }
    this.#isAsking = false
    this.#askNext(this.#link)
  }

  // Tabs

  /**
   * The tab that holds a lock has the connection, and tells the others what comes and after which message it came.
   * They take what follows on what they saw last, pass over what they saw, and read up in the history what they missed.
   * When the tab goes, the lock goes to another one, which connects with its own position.
   */
  async #share() {
    const { shared } = this.#options
    const name = shared === true ? this.#key : `${this.#key}:${shared}`
    const tabs = new BroadcastChannel(name), me = Math.random()
    let work = Promise.resolve(), queued = 0, isBehind = false
    const join = () => {
      isBehind = false
      tabs.postMessage({ join: me })
    }
    tabs.onmessage = ({ data }) => {
      if (data.join || (data.to ?? me) !== me) return
      // What finds no place is read up afterwards.
      if (queued >= MAX_QUEUE) return void (isBehind = true)
      queued += 1
      work = work.then(() => this.#follow(data)).finally(() => { if (!--queued && isBehind) join() })
    }
    const lead = async () => {
      tabs.onmessage = ({ data: { join: to } }) => {
        const { id: after, log } = this.#received
        if (to && after !== 'latest') tabs.postMessage({ to, after, log })
      }
      await work
      this.#tabs = tabs
      await this.#connect()
    }
    this.#enter('shared')
    join()
    try {
      await navigator.locks.request(name, { signal: this.#end.signal }, lead)
    } catch (error) {
      if (this.#error || !this.#end.signal.aborted) throw this.#error ?? error
    } finally {
      tabs.close()
    }
  }

  /** Without a message: where the other tab is. */
  async #follow({ after, message, log }) {
    const { id, log: mine } = this.#received
    const next = message ?? { type: 'live', id: after, log }
    const from = after === 'latest' ? next.id - 1 : after
    if (id !== 'latest' && id !== from) {
      if (next.reason === 'ahead' || next.reason === 'replaced') {
        // It takes back only who is ahead as well.
        if (next.id >= id) return
      } else if (mine && log && mine !== log) {
        const [low, high] = id < from ? [id, from] : [from, id]
        this.#deliver({ type: 'gap', id: from, channel: null, after: low, before: high + 1, lost: null, reason: 'replaced' })
      } else if (next.id <= id) {
        return
      } else if (from > id) {
        await this.#readUp(from)
      }
    }
    while (this.#queue?.length >= MAX_QUEUE && !this.#end.signal.aborted) await new Promise((resolve) => { this.#wakeWriter = resolve })
    if (!this.#end.signal.aborted) this.#deliver(next)
  }

  /** What the history has up to this id. */
  async #readUp(to) {
    const { signal } = this.#end
    while (!signal.aborted) {
      try {
        const page = await history(this.#base, {
          channels: this.#channels, token: this.#options.token, signal, after: this.#received.id, before: to + 1, limit: PAGE,
        })
        for (const message of page.events) this.#deliver(message)
        if (page.has_more) continue
        // Else something was told before it was written.
        if (page.head >= to) return
      } catch (error) {
        if (error instanceof Refused) {
          this.#error = error
          return this.close()
        }
      }
      await this.#sleep(this.#times.firstWait)
    }
  }
}

function apply({ kind, channels }, to) {
  for (const channel of channels) kind === 'subscribe' ? to.add(channel) : to.delete(channel)
}
