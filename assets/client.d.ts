/** Types of `client.js`, the client of pg_eventrelay that comes back by itself and misses nothing. */

/** One notification, stored with an id. */
export interface RelayEvent {
  readonly type: 'event'
  readonly id: number
  readonly channel: string
  /** When the relay stored it: RFC 3339, UTC, six digits of a second. */
  readonly time: string
  readonly payload: string
  /** The payload's bytes in base64, only where they are not UTF-8. */
  readonly payload_base64?: string
}

/** Events with ids strictly between `after` and `before` may be missing: load the state again. */
export interface Gap {
  readonly type: 'gap'
  readonly id: number
  /** Null where it concerns all channels of the connection. */
  readonly channel: string | null
  readonly after: number
  readonly before: number
  readonly lost: number | null
  /** `evicted`, `disconnected`, `restarted`, `unrecorded`, `unlogged`, `damaged`, `ahead`, `replaced`; more may come. */
  readonly reason: string
}

/** Everything retained has come; what follows comes as it happens. Once for each connection, or place in a shared one. */
export interface Live {
  readonly type: 'live'
  /** The newest id of the log at that moment. */
  readonly id: number
  /** The log's name; absent from a connection by `poll`. */
  readonly log?: string
}

export type Message = RelayEvent | Gap | Live

export type Transport = 'websocket' | 'stream' | 'poll'

export type State =
  /** A connection is being opened. */
  | 'connecting'
  /** It is open, and what was missed comes. */
  | 'replaying'
  | 'live'
  /** It was lost; the next one is opened after `wait` milliseconds. */
  | 'waiting'
  /** The events of another tab's connection are shown here. */
  | 'shared'
  /** The relay refuses what is asked for, and would again. The end. */
  | 'refused'
  /** By `close()`. The end. */
  | 'closed'

export interface StateDetail {
  readonly transport?: Transport
  /** Why the connection was lost or refused. */
  readonly error?: Error
  /** Milliseconds. */
  readonly wait?: number
}

export interface Options {
  /** Names, and patterns with `*` or `?`. 100 at the most, of these 10 patterns. */
  channels: Iterable<string>
  /** Without it, messages wait for `for await`. */
  onEvent?(event: RelayEvent): void
  onGap?(gap: Gap): void
  onLive?(live: Live): void
  /** What a handler throws is reported as what any listener throws; the message counts as handled. */
  onState?(state: State, detail: StateDetail): void
  /** Where to begin: after this id, 0 for all that is retained. Default `latest`: nothing from the past. */
  lastSeenId?: number | 'latest'
  /** The `log` of that id, from the `live` message: another log is told by a gap then. */
  log?: string
  /**
   * Keeps the position over reloads, and begins there instead of at `lastSeenId` if there is one. `true`: in
   * `localStorage`, under a key of the relay's address and the channels; a text: under this key.
   */
  storage?: boolean | string | { key: string; getItem(key: string): string | null; setItem(key: string, value: string): void }
  /** Tabs of one origin with the same relay, the same channels and the same text here have one connection. */
  shared?: boolean | string
  /** Asked for again for each connection, if it is a function. */
  token?: string | (() => string | Promise<string>)
  /** In the order in which they are tried. Default: all. */
  transports?: readonly Transport[]
  /** For programs whose system has none. */
  WebSocket?: typeof globalThis.WebSocket
  /** Milliseconds. The defaults fit what the relay does; tests may want other ones. */
  times?: Partial<Times>
}

export interface Times {
  /** Before the next connection: doubled after each failure, and half of it random. */
  firstWait: number
  longestWait: number
  /** For the first message of a connection. */
  opening: number
  /** After so long without a sign of life, an event stream or a WebSocket is taken for dead. */
  streamSilence: number
  socketSilence: number
  /** After so long without a message, a sign of life is asked for on a WebSocket. */
  probe: number
  /** How long a request waits for events. */
  poll: number
  /** After so long, what the first transports could not do is tried again. */
  retryBetter: number
  /** How often silence is looked at. */
  tick: number
}

/**
 * The relay refuses. `status` is that of its answer, `message` its sentence. A connection that ends with it would be
 * refused again; what `subscribe` was refused with 429 or 503 may be taken later.
 */
export class Refused extends Error {
  readonly status: number
}

/**
 * `for await` gives all messages where there is no `onEvent`, and the other handlers but `onState` hear nothing then.
 * Whoever leaves the loop closes the connection, and the message at which it was left comes again.
 */
export interface Connection extends AsyncIterable<Message> {
  readonly state: State
  readonly channels: string[]
  /** That of the last message that was handled, or where it all began: what a next `connect` begins at. */
  readonly lastSeenId: number | 'latest'
  readonly log: string | undefined
  /**
   * Resolved when the relay has taken the channels, rejected with `Refused` where it does not. Over a WebSocket events
   * come from then on; over the other transports also those since the last message. `TypeError` for shared connections,
   * for what leaves no channel, and for more than the relay takes: 100 names at once, an address of 8,000 bytes.
   */
  subscribe(...channels: string[]): Promise<void>
  unsubscribe(...channels: string[]): Promise<void>
  /** Drops the connection, or ends the wait for the next one, and opens one at once. */
  reconnect(): void
  /** Nothing comes any more. Calling it again does nothing. */
  close(): void
  /** Resolved when it was closed, rejected with `Refused`. Unhandled, that counts as such only where nobody else is told. */
  readonly closed: Promise<void>
}

/** @param url the relay's address, with its `BasePath`: http, https, ws or wss, or relative to the page. */
export function connect(url: string | URL, options: Options): Connection

export interface Page {
  readonly events: (RelayEvent | Gap)[]
  readonly oldest: number | null
  readonly newest: number | null
  readonly head: number
  readonly floor: number
  readonly has_more: boolean
  readonly recording: boolean
  readonly recorded_since: string | null
}

export interface HistoryOptions {
  channels: Iterable<string>
  after?: number
  before?: number
  /** 0 to 1,000, default 100. */
  limit?: number
  /** Seconds, 1 to 60, beside `after`: the answer comes when there is something, or after so long. */
  wait?: number
  token?: Options['token']
  signal?: AbortSignal
}

/** A page of stored events: the newest, unless `after` or `before` is given. Rejected with `Refused`, or another error. */
export function history(url: string | URL, options: HistoryOptions): Promise<Page>
