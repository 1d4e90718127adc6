/** Types of `client.js`, the client of pg_eventrelay that reconnects by itself and misses nothing. */

/** One notification, stored with an id. */
export interface RelayEvent {
  readonly type: 'event'
  readonly id: number
  readonly channel: string
  /** When the relay stored it: RFC 3339, UTC, six digits of a second. */
  readonly time: string
  readonly payload: string
  /** The payload's bytes in base64, only if they are not UTF-8. */
  readonly payload_base64?: string
}

/** Events with ids strictly between `after` and `before` may be missing: load the state again. */
export interface Gap {
  readonly type: 'gap'
  readonly id: number
  /** Null if it concerns all channels of the connection. */
  readonly channel: string | null
  readonly after: number
  readonly before: number
  readonly lost: number | null
  /** `evicted`, `disconnected`, `restarted`, `unrecorded`, `unlogged`, `damaged`, `ahead`, `replaced`; more may be added. */
  readonly reason: string
}

/** The replay is over; what follows is live. Sent once for each connection, or place in a shared one. */
export interface Live {
  readonly type: 'live'
  /** The newest id of the log at that moment. */
  readonly id: number
  /** The log's name; absent on a connection by `poll`. */
  readonly log?: string
}

export type Message = RelayEvent | Gap | Live

export type Transport = 'websocket' | 'stream' | 'poll'

export type State =
  /** A connection is being opened. */
  | 'connecting'
  /** It is open, and sends what was missed. */
  | 'replaying'
  | 'live'
  /** The connection was lost; the next one is opened after `wait` milliseconds. */
  | 'waiting'
  /** This tab gets its messages from another tab's connection. */
  | 'shared'
  /** The relay refuses the request, and would refuse it again. Final. */
  | 'refused'
  /** By `close()`. Final. */
  | 'closed'

export interface StateDetail {
  readonly transport?: Transport
  /** Why the connection was lost or refused. */
  readonly error?: Error
  /** Milliseconds. */
  readonly wait?: number
}

export interface Options {
  /**
   * Names, and patterns with `*` or `?`: at most 100, of which at most 10 patterns. A pattern matches channels that are
   * recorded, and starts no recording.
   */
  channels: Iterable<string>
  /** Without it, messages wait for `for await`. */
  onEvent?(event: RelayEvent): void
  onGap?(gap: Gap): void
  onLive?(live: Live): void
  /** What any handler throws is reported like what an event listener throws; the message counts as handled. */
  onState?(state: State, detail: StateDetail): void
  /** Where to begin: after this id; 0 for everything retained. Default `latest`: nothing from the past. */
  lastSeenId?: number | 'latest'
  /** The `log` of that id, from the `live` message. With it, a move to another log is announced by a gap. */
  log?: string
  /**
   * Keeps the position over reloads. If one is stored, the connection begins there instead of at `lastSeenId`. `true`: in
   * `localStorage`, under a key made of the relay's address and the channels; a string: under this key.
   */
  storage?: boolean | string | { key: string; getItem(key: string): string | null; setItem(key: string, value: string): void }
  /** Tabs of one origin with the same relay, the same channels and the same value here share one connection. */
  shared?: boolean | string
  /** A function is called for each connection. */
  token?: string | (() => string | Promise<string>)
  /** In the order in which they are tried. Default: all. */
  transports?: readonly Transport[]
  /** For systems that have none. */
  WebSocket?: typeof globalThis.WebSocket
  /** Milliseconds. The defaults fit the relay's own intervals; tests may want others. */
  times?: Partial<Times>
}

export interface Times {
  /** Before the next connection: doubled after each failure, and half of it random. */
  firstWait: number
  longestWait: number
  /** For the first message of a connection. */
  opening: number
  /** After this time without a sign of life, an event stream or a WebSocket is considered dead. */
  streamSilence: number
  socketSilence: number
  /** After this time without a message, a sign of life is requested on a WebSocket. */
  probe: number
  /** How long a request waits for events. */
  poll: number
  /** After this time on a later transport, the first one is tried again. */
  retryBetter: number
  /** How often silence is checked. */
  tick: number
}

/**
 * The relay refuses. `status` is the status of its answer, `message` its sentence. A connection that ends with it would be
 * refused again. A `subscribe` that was refused with 429 or 503 may be accepted later.
 */
export class Refused extends Error {
  readonly status: number
}

/**
 * `for await` gives all messages if there is no `onEvent`. Of the other handlers, only `onState` is called then. Leaving
 * the loop closes the connection; the next one that begins at its position gets the message at which it was left again.
 */
export interface Connection extends AsyncIterable<Message> {
  readonly state: State
  readonly channels: string[]
  /** The id of the last handled message, or the initial one: where the next `connect` should begin. */
  readonly lastSeenId: number | 'latest'
  readonly log: string | undefined
  /**
   * Resolves when the relay has accepted the channels, and rejects with `Refused` if it does not. Over a WebSocket you get
   * their events from then on; over the other transports, also those since the last message. Rejects with `TypeError` for
   * shared connections, if no channel would be left, and for more than 100 names at once or an address of 8,000 bytes.
   */
  subscribe(...channels: string[]): Promise<void>
  unsubscribe(...channels: string[]): Promise<void>
  /** Drops the connection, or ends the wait for the next one, and opens one at once. */
  reconnect(): void
  /** Ends the connection: no more messages. Calling it again does nothing. */
  close(): void
  /** Resolves after `close()`, rejects with `Refused`. Unhandled, the rejection is reported only with `onEvent` and no `onState`. */
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
  /** Seconds, 1 to 60, with `after`: the relay answers when there is something beyond `after`, or after this time. */
  wait?: number
  token?: Options['token']
  signal?: AbortSignal
}

/** A page of stored events: the newest, unless `after` or `before` is given. Rejects with `Refused`, or another error. */
export function history(url: string | URL, options: HistoryOptions): Promise<Page>
