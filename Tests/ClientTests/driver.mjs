/** Does with `client.js` what a test says, in Node and in a page alike, and notes what its clients hear. */
export function makeDriver({ connect, history, Refused }) {
  const clients = new Map()
  const memories = new Map()
  const uncaught = []

  const failure = (error) => ({ status: error instanceof Refused ? error.status : null, message: String(error.message) })

  /** What keeps a position where there is no `localStorage`. */
  const memory = (name) => {
    if (!memories.has(name)) memories.set(name, new Map())
    const kept = memories.get(name)
    return { key: 'position', getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) }
  }

  /** A page that goes takes what it heard with it, unless that is written down at once. */
  const writeDown = (diary, message) => {
    localStorage.setItem(diary, `${localStorage.getItem(diary) ?? ''}${JSON.stringify(message)}\n`)
  }

  const actions = {
    /**
     * Options that are more than data: `memory`, the name of a storage in this driver; `diary`, a key of `localStorage`
     * under which what is heard is written down; `tokens`, given one after the other, the last again and again: a null
     * never comes, and of pairs with a time in milliseconds the first is given whose time is not over; `throws`, a payload that its handler does not stand; `reads`, without `onEvent`, for `next`.
     */
    open(name, url, { memory: kept, diary, tokens, throws, reads, ...options }) {
      const note = { heard: [], states: [], closed: null }
      const hear = (message) => {
        note.heard.push(message)
        if (diary) writeDown(diary, message)
        if (throws !== undefined && message.payload === throws) throw new Error(`on purpose: ${throws}`)
      }
      if (kept) options.storage = memory(kept)
      if (tokens) {
        options.token = async () => {
          if (Array.isArray(tokens[0])) return tokens.find(([, end]) => Date.now() < end)[0]
          return (tokens.length > 1 ? tokens.shift() : tokens[0]) ?? new Promise(() => {})
        }
      }
      if (!reads) Object.assign(options, { onEvent: hear, onGap: hear, onLive: hear })
      options.onState = (state, { error, ...detail }) =>
        note.states.push({ state, ...detail, ...(error && { error: failure(error) }) })
      const client = connect(url, options)
      client.closed.then(() => { note.closed = { by: 'close' } }, (error) => { note.closed = failure(error) })
      clients.set(name, { client, note, iterator: null })
    },

    /** What it heard and went through beyond the first `heard` messages and `states` states, and how it is. */
    look(name, heard, states) {
      const { client, note } = clients.get(name)
      return {
        heard: note.heard.slice(heard), states: note.states.slice(states), closed: note.closed,
        state: client.state, position: client.lastSeenId, log: client.log ?? null, channels: client.channels,
      }
    },

    /** The next `count` messages of its iterator, fewer if that ends. */
    async next(name, count) {
      const held = clients.get(name)
      held.iterator ??= held.client[Symbol.asyncIterator]()
      const messages = []
      while (messages.length < count) {
        const { done, value } = await held.iterator.next()
        if (done) break
        messages.push(value)
      }
      return messages
    },

    /** As `break` does within `for await`. */
    stop: (name) => clients.get(name).iterator.return().then(() => null),
    subscribe: (name, ...channels) => clients.get(name).client.subscribe(...channels),
    unsubscribe: (name, ...channels) => clients.get(name).client.unsubscribe(...channels),
    /** Asks for all of them at once. @returns what became of each, null if it was done. */
    changes: (name, ...changes) => Promise.all(changes.map(([kind, ...channels]) =>
      clients.get(name).client[kind](...channels).then(() => null, failure))),
    reconnect: (name) => clients.get(name).client.reconnect(),
    close: (name) => clients.get(name).client.close(),
    history: (url, options) => history(url, options),
    names: () => [...clients.keys()],
    /** What nobody caught since it was asked for last. */
    uncaught: () => uncaught.splice(0),
  }

  return {
    /** @param command the name of an action and what it takes. @returns `{value}` or `{failure}`, never rejected. */
    async do([action, ...values]) {
      try {
        return { value: (await actions[action](...values)) ?? null }
      } catch (error) {
        return { failure: failure(error) }
      }
    },
    noteUncaught: (error) => uncaught.push(String(error?.message ?? error)),
  }
}
