import { connect, history } from 'http://localhost:7700/client.js'
import { insist } from './page.js'

/** More than come while a state is being read. Beyond it, that state is too old to be worth them. */
const MAX_HELD = 10_000

/**
 * Load a state, then keep it up to date: the recipe for everything that lives in tables.
 *
 *   1. Take a position: where the log is now.
 *   2. Read the state. NOTIFY comes after the commit, so all that happens from 1 on is in the state or comes as an
 *      event, or both.
 *   3. Connect with that position. What comes while the state is still being read is held, then applied.
 *
 * A gap says that events may be missing, so the state is read again.
 *
 * @param load reads the state, and puts it in place of what was there.
 * @param apply an event. Where the state has it already, that must do no harm. It may ask for the state to be read again.
 */
export async function follow(relay, channel, { load, apply, onGap, onState }) {
  /** Null while no state is being read. */
  let held = null
  let isStale = false

  async function reload() {
    isStale = true
    // The one who reads looks at this again: what it has may be older than the gap.
    if (held) return
    while (isStale) {
      isStale = false
      held = []
      await insist(load)
    }
    const events = held
    held = null
    for (const event of events) {
      try {
        apply(event, reload)
      } catch (error) {
        reportError(error)
      }
    }
  }

  function onEvent(event) {
    if (!held) return apply(event, reload)
    held.push(event)
    if (held.length > MAX_HELD) {
      held = []
      isStale = true
    }
  }

  onState('connecting')
  const { head } = await insist(() => history(relay, { channels: [channel], limit: 0 }))
  await reload()
  return connect(relay, {
    channels: [channel],
    lastSeenId: head,
    onEvent,
    onGap(gap) {
      onGap?.(gap)
      reload()
    },
    onState,
  })
}
