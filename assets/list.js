import { button, copyButton, count, el, say, seconds, timeOfEvent } from './dom.js';
import { payloadElement, psqlLine } from './payload.js';

/** On the page, and again waiting during a pause. Beyond it the oldest leave; the log still has them. */
const MAX_ROWS = 2000;
/** Made for one frame: some 20 ms of work, so that a flood leaves time for clicks. */
const MAX_NEW_ROWS = 200;
const PAGE = 100;
/** Rows above a place that the slider leads to: enough to see where one is. */
const FEW = 3;
/** A relay records 1,000 channels, unless told otherwise. */
const MAX_COLOURED = 1000;
const COLOURS = 8;

export const GAPS = {
  evicted: 'Older than the log keeps',
  disconnected: 'PostgreSQL was away',
  restarted: 'The relay was away',
  unlogged: 'The log could not be written',
  damaged: 'The log can’t be read here',
  ahead: 'The position was newer than this log',
  replaced: 'This is a different log than before',
  unrecorded: 'The channel was not being recorded',
};

// Rows

const colours = new Map();

/** A channel by name and colour, the same one everywhere on the page. */
export function channelTag(name) {
  if (colours.size >= MAX_COLOURED) colours.clear();
  if (!colours.has(name)) colours.set(name, colours.size % COLOURS);
  return el('span', { class: 'channel', 'data-colour': colours.get(name), title: name }, name);
}

function eventRow({ id, time, replayed, channel, ...event }, tagged) {
  const row = el('li', { class: 'event', 'data-id': id },
    timeOfEvent({ time }),
    ...(tagged ? [channelTag(channel)] : []),
    payloadElement(event),
    ...(replayed ? [el('span', { class: 'tag' }, 'replayed')] : []),
    el('span', { class: 'id' }, id),
    el('button', { type: 'button', class: 'more', 'aria-label': `Copy event ${id}`, title: 'Copy', 'aria-expanded': false }));
  row.classList.toggle('replayed', Boolean(replayed));
  return row;
}

function gapRow(gap, tagged) {
  return el('li', { class: 'gap', 'data-reason': gap.reason, 'data-id': gap.id },
    el('b', {}, GAPS[gap.reason] ?? `Gap: ${gap.reason}`),
    ...(tagged && gap.channel ? [channelTag(gap.channel)] : []),
    el('span', {}, Number.isInteger(gap.lost) ? `${count(gap.lost, 'event')} lost` : 'events may be missing'),
    el('span', { class: 'id' }, `between ${gap.after} and ${gap.before}`));
}

function resumedRow({ events, gaps, away }) {
  const missing = gaps ? `, with ${count(gaps, 'gap')}` : '';
  const text = `Resumed after ${seconds(away)}: ${count(events, 'event')} came back${missing}`;
  say(text);
  return el('li', { class: 'resumed', 'data-count': events }, el('span', {}, text));
}

const ROWS = { event: eventRow, gap: gapRow, resumed: resumedRow };

// EventList

/**
 * A window of at most `MAX_ROWS` rows on some channels, newest on top, without holes: older and newer rows come from
 * the history at its ends, and while the upper end is the log's, new ones from the connection.
 *
 * New entries wait in `#pending` for the next frame, for the end of a pause, or for the return of a reader who looks
 * at the past (`isDetached`). When too many wait, the oldest of them are left out; the window then starts anew above
 * the hole, and the history gives what is under it.
 */
export class EventList {
  #list;
  #of;
  #entries = new WeakMap();
  #shown = new Set();
  #pending = [];
  #leftOut = 0;
  #leftOutThrough = 0;
  #frame;
  #needle = '';
  /** What was asked for before the window moved has no place in it any more. */
  #window = 0;
  isPaused = false;
  isDetached = false;
  isLoading = false;
  hasOlder = false;
  unseen = 0;

  /**
   * @param of `fetchPage(position)` gives a page of history; `changed` is called after each change; `tagged` says
   * whether rows name their channel; `linkTo(id)` is an address.
   */
  constructor(list, of) {
    // A list of its own: what an earlier one still has to show must not come to stand here.
    this.#list = list.cloneNode();
    list.replaceWith(this.#list);
    this.#list.classList.toggle('tagged', of.tagged);
    this.#of = of;
    this.#list.addEventListener('click', ({ target }) => target.matches('.more') && this.#toggleActions(target));
    this.#list.addEventListener('keydown', (event) => this.#walk(event));
  }

  get size() { return this.#list.childElementCount; }
  get waiting() { return this.#pending.length + this.#leftOut; }
  get isFiltered() { return this.#needle !== ''; }
  get hidden() { return this.#list.querySelectorAll(':scope > [hidden]').length; }

  push(entry) {
    this.#pending.push(entry);
    if (this.#pending.length > MAX_ROWS) {
      const dropped = this.#pending.splice(0, PAGE);
      this.#leftOut += dropped.length;
      this.#leftOutThrough = dropped.at(-1).id;
    }
    this.#schedule();
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    this.#schedule();
  }

  filter(text) {
    this.#needle = text.trim().toLowerCase();
    for (const row of this.#list.children) this.#applyFilter(row);
    this.#of.changed();
  }

  /** The newest page, in place of all. Like the next three, it gives the page, or undefined if that came too late. */
  openNewest() {
    this.#clear();
    this.isDetached = false;
    return this.loadOlder();
  }

  /**
   * The page around an id, in place of all. The entry there, or the one below it, is marked. It comes to stand in the
   * middle of the window, or, for a reader who holds the slider above the list, near the top of the list.
   */
  openAt(id, isHeld) {
    this.#clear();
    this.isDetached = true;
    return this.#load(async () => {
      const above = isHeld ? FEW : PAGE / 2;
      const ends = [{ after: id, limit: above }, { before: id + 1, limit: PAGE / 2 }];
      return Promise.all(ends.map(this.#of.fetchPage));
    }, ([newer, older]) => {
      this.#list.append(...this.#makeRows([...older.events, ...newer.events]).reverse());
      this.hasOlder = older.has_more;
      this.#reach(newer);
      this.#mark(id, isHeld);
      return newer;
    });
  }

  /** Puts the page of history below the oldest row, or the newest page into an empty list. */
  loadOlder() {
    const before = this.#oldest();
    return this.#load(() => this.#of.fetchPage({ limit: PAGE, ...(before && { before }) }), (page) => {
      const rows = this.#makeRows(page.events);
      this.#list.append(...rows.reverse());
      // The same page again would bring as little.
      this.hasOlder = page.has_more && rows.length > 0;
      if (before === undefined) this.#join(page);
      while (this.size > MAX_ROWS) {
        this.isDetached = true;
        this.#remove(this.#list.firstElementChild);
      }
      return page;
    });
  }

  /** Puts the page of history above the newest row. */
  loadNewer() {
    const after = this.#idOf(this.#list.querySelector(':scope > :not(.resumed)')) ?? 0;
    return this.#load(() => this.#of.fetchPage({ limit: PAGE, after }), (page) => {
      this.#prepend(this.#makeRows(page.events));
      this.#reach(page);
      return page;
    });
  }

  async #load(fetch, place) {
    if (this.isLoading) return undefined;
    const window = this.#window;
    this.isLoading = true;
    this.#schedule();
    try {
      const got = await fetch();
      return window === this.#window ? place(got) : undefined;
    } finally {
      if (window === this.#window) this.isLoading = false;
      this.#schedule();
    }
  }

  /** Above the page is either more history, or what the connection brings. */
  #reach(page) {
    this.isDetached = page.has_more || page.head < this.#leftOutThrough;
    if (!this.isDetached) this.#join(page);
  }

  /** Of what waits, the window has what the page covers, and the history what is older than the window. */
  #join({ head }) {
    const oldest = this.#oldest() ?? 0;
    this.#pending = this.#pending.filter((entry) => entry.id >= oldest && !this.#shown.has(keyOf(entry)));
    if (head >= this.#leftOutThrough) this.#leftOut = 0;
  }

  #mark(id, isHeld) {
    const rows = [...this.#list.children];
    const row = rows.find((each) => this.#idOf(each) <= id) ?? rows.at(-1);
    if (!row) return;
    row.classList.add('marked');
    row.setAttribute('aria-current', 'true');
    if (isHeld) return;
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'center' });
  }

  has(id) { return [...this.#list.children].some((row) => this.#idOf(row) === id); }

  /** Of the first row that reaches below a height of the window. */
  idAt(top) {
    const rows = this.#list.children;
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    return this.#idOf(rows[low]);
  }

  /** The id where older history ends. */
  #oldest() { return this.#idOf([...this.#list.children].findLast((row) => !row.matches('.resumed'))); }

  #idOf(row) { return row && this.#entries.get(row).id; }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      // While the newest page is on its way into an empty list, new entries would come to stand under it.
      const isFilling = this.isLoading && this.size === 0;
      if (!this.isPaused && !this.isDetached && !isFilling) this.#showPending();
      this.#of.changed();
    });
  }

  #showPending() {
    if (this.#leftOut > 0) {
      this.#clear();
      this.#leftOut = 0;
      this.hasOlder = true;
    }
    const rows = this.#makeRows(this.#pending.splice(0, MAX_NEW_ROWS));
    for (const row of rows) row.classList.add('new');
    this.#prepend(rows);
    this.unseen += rows.length;
    if (this.#pending.length > 0) this.#schedule();
  }

  #prepend(rows) {
    this.#list.prepend(...rows.reverse());
    while (this.size > MAX_ROWS) {
      this.#remove(this.#list.lastElementChild);
      this.hasOlder = true;
    }
  }

  /** Without what is on show already: a page of history and the connection may overlap. */
  #makeRows(entries) {
    const fresh = entries.filter((entry) => entry.type in ROWS && !this.#shown.has(keyOf(entry)));
    return fresh.map((entry) => {
      const row = ROWS[entry.type](entry, this.#of.tagged);
      this.#shown.add(keyOf(entry));
      this.#entries.set(row, entry);
      this.#applyFilter(row);
      return row;
    });
  }

  #applyFilter(row) {
    const entry = this.#entries.get(row);
    // A gap stays: a match may be missing there.
    row.hidden = entry.type === 'event' && !matches(entry, this.#needle);
  }

  #toggleActions(more) {
    const row = more.parentElement;
    const actions = row.querySelector(':scope > .actions');
    more.setAttribute('aria-expanded', !actions);
    if (actions) return actions.remove();
    const entry = this.#entries.get(row);
    row.append(el('div', { class: 'actions' },
      copyButton('Copy payload', entry.payload),
      copyButton('Copy as psql line', psqlLine(entry)),
      copyButton('Copy link', this.#of.linkTo(entry.id)),
      el('span', { class: 'size' }, `${entry.channel} · ${entry.id}`)));
  }

  /** The arrow keys lead from row to row. */
  #walk(event) {
    const direction = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
    let row = direction && event.target.closest('#events > li');
    do row = row?.[direction]; while (row && !row.querySelector(':scope:not([hidden]) > .more'));
    if (!row) return;
    event.preventDefault();
    row.querySelector('.more').focus();
  }

  #remove(row) {
    this.#shown.delete(keyOf(this.#entries.get(row)));
    row.remove();
  }

  #clear() {
    this.#window += 1;
    this.isLoading = false;
    this.hasOlder = false;
    this.#list.replaceChildren();
    this.#shown.clear();
  }
}

/** Gaps of several channels may have the same id. Resumes may, too, and each is one more. */
const keyOf = (entry) => (entry.type === 'resumed' ? entry : `${entry.type} ${entry.id} ${entry.channel}`);

/** Whether a search for this text, in lower case, finds the event. */
export const matches = ({ id, payload }, needle) => `${id} ${payload}`.toLowerCase().includes(needle);
