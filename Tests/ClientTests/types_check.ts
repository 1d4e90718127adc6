/** Uses all that `client.d.ts` declares as its users do, and holds `client.js` against it. Compiled, never run. */
import { connect, history, Refused } from './client'
import type { Connection, Gap, Live, Message, Options, Page, RelayEvent, State, Transport } from './client'
import * as actual from './actual.js'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
const exports: Same<keyof typeof import('./client'), keyof typeof actual> = true
const members: Same<keyof Connection, keyof ReturnType<typeof actual.connect>> = true
const refusal: Same<keyof Refused, keyof actual.Refused> = true

const options: Options = {
  channels: new Set(['people', 'orders.*']),
  onEvent: ({ id, channel, time, payload, payload_base64 }: RelayEvent) => void [id + 1, channel, time, payload, payload_base64?.length],
  onGap: ({ after, before, lost, reason, channel }: Gap) => void [before - after, lost ?? 0, reason, channel ?? 'all'],
  onLive: ({ id, log }: Live) => void [id, log?.length],
  onState: (state: State, { transport, error, wait }) => void [state, transport, error instanceof Refused && error.status, wait],
  lastSeenId: 'latest',
  log: 'a',
  storage: { key: 'position', getItem: (key) => key, setItem: (key, value) => void [key, value] },
  shared: 'a group',
  token: async () => 'token',
  transports: ['websocket', 'stream', 'poll'] as Transport[],
  WebSocket,
}

async function use(): Promise<void> {
  const connection: Connection = connect(new URL('https://events.example.com'), options)
  await connection.subscribe('a', 'b')
  await connection.unsubscribe('a')
  connection.reconnect()
  const position: number | 'latest' = connection.lastSeenId
  const again = connect('/', { channels: connection.channels, lastSeenId: position, log: connection.log, storage: true, token: 'b' })
  for await (const message of again) {
    const all: Message = message
    if (all.type === 'event') all.payload.trim()
    else if (all.type === 'gap') all.reason.trim()
    else all.log?.trim()
  }
  const state: State = connection.state
  const page: Page = await history('/', { channels: ['a'], after: 0, before: 9, limit: 3, token: 'c', signal: new AbortController().signal })
  const entries: (RelayEvent | Gap)[] = page.events
  connection.close()
  await connection.closed.catch((error: unknown) => error instanceof Refused && error.status)
  void [state, entries, page.head - page.floor, page.newest ?? 0, page.oldest ?? 0, page.has_more, page.recording, page.recorded_since]
}
void [use, exports, members, refusal]
