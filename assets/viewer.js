/**
 * A message goes from `Session` (one channel, over as many connections as it takes) to `EventList` (a bounded window
 * on the channel, newest on top) to a row. What comes from outside enters the document as text, never as markup.
 */

/** On the page, and again waiting during a pause. Beyond it the oldest leave; the log still has them. */
const MAX_ROWS = 2000;
const PAGE = 100;
/** Longer payloads are folded. */
const MAX_LINE = 240;
/** Longer ones are cut, and not taken apart as JSON. NOTIFY carries less than 8,000 bytes. */
const MAX_TEXT = 50_000;
const MAX_CHIPS = 40;
const RETRY = { first: 500, longest: 20_000 };
const RATE_SECONDS = 10;

const GAPS = {
  evicted: 'Older than the log keeps',
  disconnected: 'PostgreSQL was away',
  restarted: 'The relay was away',
  unlogged: 'The log could not be written',
  ahead: 'The position was newer than this log',
  replaced: 'This is another log than before',
  unrecorded: 'The channel was not being recorded',
};

const CLOSES = {
  1001: { why: 'The relay is restarting.' },
  1008: { why: 'The relay does not allow this channel any more.', final: true, wantsToken: true },
  1013: { why: 'The relay is overloaded.' },
};

// Small tools

const $ = (id) => document.getElementById(id);
const formatted = (n) => n.toLocaleString();
const count = (n, noun) => `${formatted(n)} ${noun}${n === 1 ? '' : 's'}`;
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function button(label, attributes, onClick) {
  const element = el('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', () => onClick(element));
  return element;
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

function localTime(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

const sampleSQL = (channel) => `NOTIFY "${channel.replaceAll('"', '""')}", '{"hello": "world"}';`;

/** `navigator.clipboard` does not exist on plain http, where most relays are looked at. */
function copy(text, from) {
  const area = el('textarea', { class: 'unseen' }, text);
  from.after(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  from.focus();
  from.textContent = 'Copied';
  setTimeout(() => { from.textContent = 'Copy'; }, 1200);
}

// Relay

/** A failure to show in words. `final`: asking again would not help. `wantsToken`: but with a token it may. */
class RelayError extends Error {
  constructor(message, final = false, wantsToken = false) {
    super(message);
    this.final = final;
    this.wantsToken = wantsToken;
  }
}

/** What says to the relay who is looking. Kept for this tab, where the browser allows it, until the tab is closed. */
const token = {
  value: '',
  restore() { try { this.value = sessionStorage.relayToken ?? ''; } catch { /* not kept */ } },
  /** No token has other characters, while a copied one may have line breaks in it. */
  set(text) {
    this.value = text.replace(/^\s*bearer\s/i, '').replace(/[^\w.-]/g, '');
    try { sessionStorage.relayToken = this.value; } catch { /* not kept */ }
  },
  get headers() { return this.value ? { Authorization: `Bearer ${this.value}` } : {}; },
  /** The one header that a script can set on a WebSocket. */
  get subprotocols() { return this.value ? ['pg_eventrelay', `bearer.${this.value}`] : []; },
};

class Relay {
  #base;

  /** The server writes its address into the page; without it, the relay is where the page came from. */
  constructor({ dataset }, { protocol, host, pathname }) {
    const isSecure = protocol === 'https:';
    const isWritten = /^wss?:/.test(dataset.baseUrl);
    const base = isWritten ? dataset.baseUrl : `ws://${host}${pathname.replace(/[^/]*$/, '')}`;
    // A page that came over TLS may open only wss, and behind a proxy the relay may not know of the TLS.
    this.#base = (isSecure ? base.replace(/^ws:/, 'wss:') : base).replace(/\/+$/, '');
  }

  listenURL(channel, parameters) {
    return this.#url('listen', channel, parameters);
  }

  async history(channel, parameters, signal) {
    const url = this.#url('history', channel, parameters).replace(/^ws/, 'http');
    const response = await fetch(url, { signal, headers: token.headers }).catch((error) => {
      throw signal.aborted ? error : new RelayError('The relay does not answer.');
    });
    if (response.ok) return response.json();
    const { detail } = await response.json().catch(() => ({}));
    const isFinal = response.status < 500 && response.status !== 429;
    const wantsToken = response.headers.has('WWW-Authenticate');
    throw new RelayError(detail ?? `The relay answered ${response.status}.`, isFinal, wantsToken);
  }

  #url(route, channel, parameters = {}) {
    const query = new URLSearchParams(parameters);
    return `${this.#base}/${route}/${encodeURIComponent(channel)}${query.size ? `?${query}` : ''}`;
  }
}

// Session

/**
 * One channel on show: the newest page of its history, then all that came after it.
 *
 *   connecting → replaying → live     and from each of them
 *   → reconnecting → connecting       the connection was lost: wait, come back with the cursor
 *   → cut → connecting                the same, by the user's wish
 *   → refused                         the relay said no; the end
 *
 * The cursor is the id of the last message, whatever its type. The first connection starts at the newest entry of the
 * history page rather than at `latest`, so that nothing falls between the page and the socket.
 */
class Session {
  #channel;
  #relay;
  #screen;
  #ended = new AbortController();
  #cursor;
  #log;
  #failures = 0;
  /** What a resume brings; undefined on the first connection and once live. */
  #resume;
  #cutSocket;
  #endWait;

  constructor(channel, relay, screen) {
    this.#channel = channel;
    this.#relay = relay;
    this.#screen = screen;
  }

  async run() {
    while (!this.#ended.signal.aborted) {
      const ending = await this.#connectOnce();
      if (this.#ended.signal.aborted) return;
      if (ending.final) return this.#screen.refuse(ending.why, ending.wantsToken);
      if (this.#log) this.#resume ??= { since: performance.now(), events: 0, gaps: 0 };
      await this.#waitAfter(ending);
    }
  }

  end() {
    this.#ended.abort();
    this.#endWait?.();
  }

  /** Drops a live connection for a time; one that is away comes back at once. */
  cutOrHurry(milliseconds) {
    if (this.#endWait) this.#endWait();
    else this.#cutSocket(milliseconds);
  }

  async #connectOnce() {
    this.#screen.enter('connecting');
    try {
      this.#cursor ??= this.#cursorAfter(await this.#screen.loadNewest());
      const ending = await this.#follow();
      return ending.isRefusal ? await this.#explain() : ending;
    } catch (error) {
      return { why: error.message, final: error.final ?? true, wantsToken: error.wantsToken };
    }
  }

  #cursorAfter({ events, head, recording }) {
    return events.at(-1)?.id ?? (recording ? head : null) ?? 'latest';
  }

  #follow() {
    this.#ended.signal.throwIfAborted();
    const position = { 'last-seen-id': this.#cursor, ...(this.#log && { log: this.#log }) };
    const socket = new WebSocket(this.#relay.listenURL(this.#channel, position), token.subprotocols);
    const heard = new AbortController();
    return new Promise((resolve) => {
      const on = (target, type, handler) => target.addEventListener(type, handler, { signal: heard.signal });
      // Nothing of this socket is heard any more, also not what is still on its way while it closes.
      const end = (ending) => {
        heard.abort();
        socket.close();
        resolve(ending);
      };
      let isRefusal = true;
      on(socket, 'open', () => {
        isRefusal = false;
        this.#screen.enter('replaying');
      });
      on(socket, 'message', ({ data }) => this.#received(JSON.parse(data)));
      on(socket, 'close', ({ code }) => end({ isRefusal, why: 'The connection was lost.', ...CLOSES[code] }));
      on(this.#ended.signal, 'abort', () => end({}));
      this.#cutSocket = (cutFor) => end({ cutFor });
    });
  }

  /** A script can't read the answer to a refused WebSocket; the history of the channel gives the same one. */
  async #explain() {
    await this.#relay.history(this.#channel, { limit: 0 }, this.#ended.signal);
    return { why: 'The relay does not take the WebSocket.' };
  }

  #received(message) {
    const { type, id } = message;
    if (Number.isSafeInteger(id)) this.#cursor = id;
    if (type === 'event' || type === 'gap') {
      if (this.#resume) this.#resume[`${type}s`] += 1;
      this.#screen.show({ ...message, replayed: Boolean(this.#resume) });
    } else if (type === 'live') {
      this.#log = message.log;
      this.#failures = 0;
      if (this.#resume) this.#showResumed(id, this.#resume);
      this.#screen.enter('live');
    }
    this.#screen.position(this.#cursor, this.#log);
  }

  #showResumed(id, { since, ...came }) {
    this.#resume = undefined;
    this.#screen.show({ type: 'resumed', id, away: performance.now() - since, ...came });
  }

  #waitAfter({ cutFor, why }) {
    if (cutFor) return this.#wait('cut', cutFor, (left) => `back in ${left}`);
    const longest = Math.min(RETRY.longest, RETRY.first * 2 ** this.#failures);
    this.#failures += 1;
    // Half of it random: a thousand viewers of one relay should not come back in the same moment.
    return this.#wait('reconnecting', longest * (0.5 + Math.random() / 2), (left) => `${why} Next try in ${left}`);
  }

  #wait(state, milliseconds, describe) {
    const until = performance.now() + milliseconds;
    const tick = () => {
      const left = until - performance.now();
      if (left > 0) this.#screen.detail(describe(seconds(left)));
      else this.#endWait();
    };
    this.#screen.enter(state);
    const timer = setInterval(tick, 100);
    return new Promise((resolve) => {
      this.#endWait = () => {
        clearInterval(timer);
        this.#endWait = undefined;
        resolve();
      };
      tick();
    });
  }
}

// Payloads

/** Filled when it is opened for the first time: it costs nothing until somebody looks into it. */
function fold(attributes, summary, makeContent) {
  const details = el('details', attributes, el('summary', {}, ...summary));
  details.addEventListener('toggle', () => details.append(makeContent()), { once: true });
  return details;
}

function longText(text) {
  const left = text.length - MAX_TEXT;
  return el('div', { class: 'text' }, text.slice(0, MAX_TEXT), left > 0 ? ` … and ${count(left, 'character')}` : '');
}

const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"?|[{}[\],:]|[^\s{}[\],:"]+|\s+/g;

function scalarClass(token) {
  if (token.startsWith('"')) return 'string';
  return /^[-\d]/.test(token) ? 'number' : 'literal';
}

/** The beginning of a JSON text as it was written, with its words coloured. It may end within a word. */
function coloured(text) {
  return text.match(JSON_TOKEN).map((token, index, tokens) => {
    if (/^[\s{}[\],:]/.test(token)) return token;
    const isKey = tokens.slice(index + 1, index + 3).join('').trimStart().startsWith(':');
    return el('span', { class: isKey ? 'key' : scalarClass(token) }, token);
  });
}

/**
 * A tree of `{ key, source }` and `{ key, open, items }`, or undefined when the text is not a JSON object or array.
 * It keeps what `JSON.parse` would lose: numbers beyond a double, doubled keys, the order.
 */
function parseTree(text) {
  if (text.length > MAX_TEXT || !/^\s*[{[]/.test(text)) return undefined;
  try { JSON.parse(text); } catch { return undefined; }
  let inner = { items: [] };
  let key;
  const outer = [];
  const add = (node) => {
    inner.items.push({ key, ...node });
    key = undefined;
  };
  for (const token of text.match(JSON_TOKEN)) {
    if (token === '{' || token === '[') {
      add({ open: token, items: [] });
      outer.push(inner);
      inner = inner.items.at(-1);
    } else if (token === '}' || token === ']') {
      inner = outer.pop();
    } else if (token === ':') {
      key = inner.items.pop().source;
    } else if (token !== ',' && token.trim()) {
      add({ source: token });
    }
  }
  return inner.items[0];
}

function sizeOf({ open, items }) {
  return open === '{' ? `{ ${count(items.length, 'key')} }` : `[ ${count(items.length, 'item')} ]`;
}

function treeChildren({ items }, depth) {
  return el('div', { class: 'children' }, ...items.map((item) => treeElement(item, depth)));
}

function treeElement(node, depth) {
  const key = node.key ? [el('span', { class: 'key' }, node.key), ': '] : [];
  if (node.source) return el('div', {}, ...key, el('span', { class: scalarClass(node.source) }, node.source));
  if (node.items.length === 0) return el('div', {}, ...key, node.open === '{' ? '{ }' : '[ ]');
  const summary = [...key, el('span', { class: 'size' }, sizeOf(node))];
  const details = fold({}, summary, () => treeChildren(node, depth + 1));
  details.open = depth < 3 && node.items.length <= 20;
  return details;
}

function payloadElement({ payload, payload_base64: base64 }) {
  const tree = parseTree(payload);
  const attributes = { class: 'payload' };
  if (payload === '') return el('span', { ...attributes, class: 'payload size' }, 'empty payload');
  if (!tree && !base64 && payload.length <= MAX_LINE && !payload.includes('\n')) return el('span', attributes, payload);

  const line = payload.slice(0, MAX_LINE);
  const size = [tree && sizeOf(tree), count(payload.length, 'character'), base64 && 'not UTF-8'];
  const summary = [
    el('span', { class: 'preview' }, ...(tree ? coloured(line) : [line])),
    el('span', { class: 'size' }, size.filter(Boolean).join(' · ')),
  ];
  return fold(attributes, summary, () => {
    const body = el('div', { class: 'body' });
    body.append(button('Copy', { class: 'quiet' }, (self) => copy(payload, self)));
    body.append(tree ? treeChildren(tree, 0) : longText(payload));
    if (base64) body.append(el('p', { class: 'size' }, 'The bytes in base64:'), longText(base64));
    return body;
  });
}

// Rows

function eventRow({ id, time, replayed, ...event }) {
  const row = el('li', { class: 'event', 'data-id': id },
    el('time', { datetime: time, title: time }, localTime(new Date(time))),
    el('span', { class: 'id' }, id),
    payloadElement(event));
  if (replayed) {
    row.classList.add('replayed');
    row.append(el('span', { class: 'tag' }, 'replayed'));
  }
  return row;
}

function gapRow(gap) {
  return el('li', { class: 'gap', 'data-reason': gap.reason },
    el('b', {}, GAPS[gap.reason] ?? `Gap: ${gap.reason}`),
    el('span', {}, Number.isInteger(gap.lost) ? `${count(gap.lost, 'event')} lost` : 'events may be missing'),
    el('span', { class: 'id' }, `between ${gap.after} and ${gap.before}`));
}

function resumedRow({ events, gaps, away }) {
  const missing = gaps ? `, with ${count(gaps, 'gap')}` : '';
  const text = `Resumed after ${seconds(away)}: ${count(events, 'event')} came back${missing}`;
  return el('li', { class: 'resumed', role: 'status', 'data-count': events }, el('span', {}, text));
}

const ROWS = { event: eventRow, gap: gapRow, resumed: resumedRow };

// EventList

/**
 * A window of at most `MAX_ROWS` rows on one channel, newest on top, without holes: older rows come from the history
 * at its lower end, new ones from the session at its upper end.
 *
 * New entries wait in `#pending` for the next frame, for the end of a pause, or for the return of a reader who has
 * gone so far back that the newest rows have left the window (`isDetached`). When too many wait, the oldest of them
 * are left out; the window then starts anew above the hole, and the history gives what is under it.
 */
class EventList {
  #list;
  #fetchPage;
  #changed;
  #entries = new WeakMap();
  #shown = new Set();
  #pending = [];
  #leftOut = 0;
  #frame;
  #needle = '';
  isPaused = false;
  isDetached = false;
  isLoading = false;
  hasOlder = false;
  unseen = 0;

  /** `fetchPage(before)` gives the page of history that ends below an id; `changed` is called after each change. */
  constructor(list, fetchPage, changed) {
    // A list of its own: what an earlier one still has to show must not come to stand here.
    this.#list = list.cloneNode();
    list.replaceWith(this.#list);
    this.#fetchPage = fetchPage;
    this.#changed = changed;
  }

  get size() { return this.#list.childElementCount; }
  get waiting() { return this.#pending.length + this.#leftOut; }
  get isFiltered() { return this.#needle !== ''; }
  get hidden() { return this.#list.querySelectorAll(':scope > [hidden]').length; }

  push(entry) {
    this.#pending.push(entry);
    if (this.#pending.length > MAX_ROWS) this.#leftOut += this.#pending.splice(0, PAGE).length;
    this.#schedule();
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    this.#schedule();
  }

  filter(text) {
    this.#needle = text.trim().toLowerCase();
    for (const row of this.#list.children) this.#applyFilter(row);
    this.#changed();
  }

  /** Leaves the past for the newest page, which is then to be loaded. False when it is on show anyway. */
  startAnew() {
    if (!this.isDetached) return false;
    this.#clear();
    this.isDetached = false;
    return true;
  }

  /** Puts the page of history below the oldest row, or the newest page into an empty list. */
  async loadOlder() {
    if (this.isLoading) return undefined;
    this.isLoading = true;
    try {
      const page = await this.#fetchPage(this.#oldestID());
      this.#list.append(...this.#makeRows(page.events).reverse());
      this.hasOlder = page.has_more;
      while (this.size > MAX_ROWS) {
        this.isDetached = true;
        this.#remove(this.#list.firstElementChild);
      }
      return page;
    } finally {
      this.isLoading = false;
      this.#schedule();
    }
  }

  #oldestID() {
    const row = [...this.#list.children].findLast((each) => !each.matches('.resumed'));
    return row && this.#entries.get(row).id;
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      // While the newest page is on its way into an empty list, new entries would come to stand under it.
      const isFilling = this.isLoading && this.size === 0;
      if (!this.isPaused && !this.isDetached && !isFilling) this.#showPending();
      this.#changed();
    });
  }

  #showPending() {
    if (this.#leftOut > 0) {
      this.#clear();
      this.#leftOut = 0;
      this.hasOlder = true;
    }
    const rows = this.#makeRows(this.#pending.splice(0));
    for (const row of rows) row.classList.add('new');
    this.#list.prepend(...rows.reverse());
    this.unseen += rows.length;
    while (this.size > MAX_ROWS) {
      this.#remove(this.#list.lastElementChild);
      this.hasOlder = true;
    }
  }

  /** Without what is on show already: a page of history and the socket may overlap. */
  #makeRows(entries) {
    const fresh = entries.filter(({ type, id }) => type in ROWS && !this.#shown.has(`${type} ${id}`));
    return fresh.map((entry) => {
      const row = ROWS[entry.type](entry);
      this.#shown.add(`${entry.type} ${entry.id}`);
      this.#entries.set(row, entry);
      this.#applyFilter(row);
      return row;
    });
  }

  #applyFilter(row) {
    const { type, id, payload } = this.#entries.get(row);
    // A gap stays: a match may be missing there.
    row.hidden = type === 'event' && !`${id} ${payload}`.toLowerCase().includes(this.#needle);
  }

  #remove(row) {
    const { type, id } = this.#entries.get(row);
    this.#shown.delete(`${type} ${id}`);
    row.remove();
  }

  #clear() {
    this.#list.replaceChildren();
    this.#shown.clear();
  }
}

// ChannelScreen

/** One channel on the page, until it is closed: binds its session and its list to the elements. */
class ChannelScreen {
  #relay;
  #list;
  #session;
  #closed = new AbortController();
  #received = 0;
  #samples = [0];
  #recordedSince;
  #problem = '';

  constructor(channel, relay) {
    this.channel = channel;
    this.#relay = relay;
    this.#list = new EventList($('events'), (before) => this.#fetchPage(before), () => this.#paint());
    this.#session = new Session(channel, relay, this);
    $('sql').textContent = sampleSQL(channel);
    $('url').textContent = relay.listenURL(channel);
    $('filter').value = '';
    $('token-form').hidden = true;
    this.position('–', '–');
    this.#tick();
    this.#bind();
    this.#session.run();
  }

  close() {
    this.#closed.abort();
    this.#session.end();
  }

  // What the session tells.

  enter(state, detail = '') {
    const isWaiting = state === 'cut' || state === 'reconnecting';
    $('status').dataset.state = state;
    $('state').textContent = state;
    this.detail(state === 'live' ? `on ${this.channel}` : detail);
    $('cut').textContent = isWaiting ? 'Come back now' : 'Cut and resume';
    $('cut').disabled = !isWaiting && state !== 'live';
    this.#paint();
  }

  refuse(why, wantsToken = false) {
    this.enter('refused', why);
    $('token').value = '';
    $('token-form').hidden = !wantsToken;
  }

  detail(text) {
    $('state-detail').textContent = text;
  }

  show(entry) {
    if (entry.type === 'event') this.#received += 1;
    this.#list.push(entry);
  }

  position(head, log) {
    $('head').textContent = head;
    if (log) $('log').textContent = log;
  }

  async loadNewest() {
    const page = await this.#list.loadOlder();
    this.position(page.head);
    return page;
  }

  // What the user does.

  #bind() {
    const { signal } = this.#closed;
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal });
    on($('filter'), 'input', () => this.#list.filter($('filter').value));
    on($('pause'), 'click', () => this.#list.togglePause());
    on($('cut'), 'click', () => this.#session.cutOrHurry($('cut').dataset.seconds * 1000));
    on($('older'), 'click', () => this.#loadOlder());
    on($('newer'), 'click', () => this.#showNewest());
    on(window, 'scroll', () => this.#paintScrolled());
    const timer = setInterval(() => this.#tick(), 1000);
    signal.onabort = () => clearInterval(timer);
  }

  async #loadOlder() {
    this.#problem = '';
    await this.#list.loadOlder().catch((error) => {
      this.#problem = error.message;
    });
    this.#paint();
  }

  #showNewest() {
    scrollTo(0, 0);
    if (this.#list.startAnew()) this.#loadOlder();
  }

  async #fetchPage(before) {
    const position = { limit: PAGE, ...(before && { before }) };
    const page = await this.#relay.history(this.channel, position, this.#closed.signal);
    this.#recordedSince = page.recorded_since;
    return page;
  }

  // What the page shows.

  #paint() {
    if (this.#closed.signal.aborted) return;
    const { isPaused, waiting, isFiltered, hasOlder, size, hidden } = this.#list;
    $('received').textContent = formatted(this.#received);
    $('pause').textContent = isPaused ? `Continue · ${formatted(waiting)} waiting` : 'Pause';
    $('pause').classList.toggle('on', isPaused);
    $('matches').textContent = isFiltered ? `${formatted(size - hidden)} of ${count(size, 'row')} match` : '';
    $('quiet').hidden = size > 0 || $('status').dataset.state !== 'live';
    $('older').hidden = !hasOlder;
    $('end-note').textContent = this.#problem || (hasOlder || size === 0 ? '' : this.#beginning());
    this.#paintScrolled();
  }

  #beginning() {
    const since = this.#recordedSince && new Date(this.#recordedSince).toLocaleString();
    return `The log has nothing older of this channel${since ? `, recorded since ${since}` : ''}.`;
  }

  #paintScrolled() {
    const list = this.#list;
    if (scrollY < 8) list.unseen = 0;
    $('newer').hidden = !list.isDetached && list.unseen === 0;
    $('newer').textContent = list.isDetached
      ? `↑ Back to the newest · ${formatted(list.waiting)} waiting`
      : `↑ ${formatted(list.unseen)} new`;
    // With a filter nearly all rows may be hidden, and this would fetch the whole log: then by the button only.
    const isNearEnd = $('older').getBoundingClientRect().top < innerHeight + 400;
    if (isNearEnd && list.hasOlder && !list.isLoading && !list.isFiltered && !this.#problem) this.#loadOlder();
  }

  #tick() {
    const samples = this.#samples;
    samples.push(this.#received);
    if (samples.length > RATE_SECONDS + 1) samples.shift();
    const rate = (samples.at(-1) - samples[0]) / (samples.length - 1);
    $('rate').textContent = `${rate < 10 ? Number(rate.toFixed(1)) : formatted(Math.round(rate))}/s`;
  }
}

// Page

/** The choice is remembered where the browser allows it; without one, the system's colours are used. */
function bindTheme({ dataset }, themeButton) {
  try { dataset.theme = localStorage.relayTheme ?? ''; } catch { /* not remembered */ }
  themeButton.addEventListener('click', () => {
    const current = dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
    dataset.theme = current === 'dark' ? 'light' : 'dark';
    try { localStorage.relayTheme = dataset.theme; } catch { /* not remembered */ }
  });
}

class Page {
  #relay = new Relay(document.documentElement, location);
  #screen;

  constructor() {
    bindTheme(document.documentElement, $('theme'));
    token.restore();
    this.#fillStart(document.documentElement.dataset);
    for (const each of document.querySelectorAll('[data-copy]')) {
      each.addEventListener('click', () => copy($(each.dataset.copy).textContent, each));
    }
    $('connect-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#go(this.#isShown ? '' : $('channel').value);
    });
    $('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      token.set($('token').value);
      this.#open();
    });
    $('channel').addEventListener('input', () => this.#labelConnect());
    addEventListener('popstate', () => this.#open());
    this.#open();
  }

  #go(channel) {
    history.pushState(null, '', channel ? `?${new URLSearchParams({ channel })}` : location.pathname);
    this.#open();
  }

  /** Shows what the address says, so that reload, bookmark and "back" work. */
  #open() {
    const channel = new URLSearchParams(location.search).get('channel') ?? '';
    this.#screen?.close();
    this.#screen = channel ? new ChannelScreen(channel, this.#relay) : undefined;
    $('start').hidden = channel !== '';
    $('viewer').hidden = channel === '';
    $('channel').value = channel;
    document.title = channel ? `${channel} · pg_eventrelay` : 'pg_eventrelay';
    this.#labelConnect();
  }

  get #isShown() { return $('channel').value === this.#screen?.channel; }

  #labelConnect() {
    $('connect').textContent = this.#isShown ? 'Disconnect' : 'Connect';
    $('connect').classList.toggle('primary', !this.#isShown);
  }

  #fillStart(dataset) {
    const isFilledIn = !dataset.knownChannels.startsWith('{{');
    const known = isFilledIn ? JSON.parse(dataset.knownChannels) : [];
    const allowed = dataset.channels ? `Allowed are ${dataset.channels}` : 'Each needs a token';
    const rule = dataset.channels === '*' ? 'Any name will do' : allowed;
    $('known-hint').textContent = `${known.length ? 'These are recorded now. ' : ''}${rule}; type a new one above.`;
    $('known').append(...known.slice(0, MAX_CHIPS).map((name) => button(name, {}, () => this.#go(name))));
    $('known-channels').append(...known.map((value) => el('option', { value })));
    $('start-sql').textContent = sampleSQL(known[0] ?? 'people');
  }
}

new Page();
