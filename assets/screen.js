import { describeChips } from './chips.js';
import { RateChart } from './chart.js';
import { connect, history, Refused } from './client.js';
import { $, count, formatted, say, seconds } from './dom.js';
import { EventList } from './list.js';
import { sampleSQL } from './payload.js';
import { addressOf, isPattern, matchesChannel, token } from './relay.js';
import { LogSearch } from './search.js';
import { Timeline } from './timeline.js';

/** Pages of 1,000 events that the chart begins with. */
const CHART_PAGES = 5;
/** Milliseconds. */
const RETRY = { first: 500, longest: 20_000 };
const REFRESH = 10_000;
const SLIDER_REST = 250;
/** What was counted may be so old, so less says nothing about the clocks. */
const CLOCKS_AGREE = 5000;

const CLOSES = { 1001: 'The relay is restarting', 1011: 'The log could not be read' };

function wordsOf(error) {
  if (error instanceof TypeError) return 'The relay does not answer';
  const [, code] = /^closed with (\d+)$/.exec(error.message) ?? [];
  return code ? CLOSES[code] ?? 'The connection was lost' : error.message.replace(/\.$/, '');
}

/**
 * Some channels on the page, until others take their place. It begins with a page of history, and connects at its
 * newest entry rather than at `latest`, so that nothing falls between the page and the connection.
 *
 *   connecting → replaying → live     and from each of them
 *   → reconnecting → connecting       the connection was lost; the client comes back by itself
 *   → cut → connecting                closed by the user's wish, and opened anew where it was
 *   → refused                         the relay said no; the end
 */
export class Screen {
  #relay;
  #go;
  #list;
  #chart = new RateChart($('chart'));
  #timeline;
  #search;
  #connection;
  /** What is still said by a connection before the present one is not heard. */
  #attempt = 0;
  #cursor = 'latest';
  #log;
  /** What a resume brings; undefined on the first connection and once live. */
  #resume;
  #endWait = () => {};
  #closed = new AbortController();
  #received = 0;
  #recordedSince;
  #problem = '';
  /** Milliseconds by which the relay's clock is ahead of this one. */
  #clock = 0;
  /** The place in the past, or undefined. */
  #chosen;
  #sliding;
  /** Where the slider was led to, `{ id }`, and once the page is there, also `top` and `y`: where it is scrolled to. */
  #held;

  /** @param go shows another place: `go({ at, isSlid })`. */
  constructor(channels, relay, go) {
    this.channels = channels;
    this.#relay = relay;
    this.#go = go;
    const tagged = channels.length > 1 || isPattern(channels[0]);
    const fetchPage = (position) => this.#fetchPage(position);
    const linkTo = (id) => new URL(addressOf(channels, id), location).href;
    this.#list = new EventList($('events'), { fetchPage, tagged, linkTo, changed: () => this.#paint() });
    this.#search = new LogSearch({ fetchPage, tagged, linkTo, goTo: (at) => go({ at }) });
    this.#timeline = this.#newTimeline();
    const sample = channels.find((each) => !isPattern(each)) ?? channels[0].replaceAll('*', 'example').replaceAll('?', 'x');
    $('sql').textContent = sampleSQL(sample);
    $('url').textContent = relay.listenURL(channels);
    $('filter').value = '';
    $('place').textContent = '';
    $('token-form').hidden = true;
    this.#position('–', '–');
    this.#bind();
    this.#tick();
  }

  close() {
    this.#attempt += 1;
    this.#connection?.close();
    this.#closed.abort();
    this.#endWait();
    this.#search.close();
  }

  async begin(at) {
    this.#chosen = at;
    for (let failures = 0; !this.#closed.signal.aborted; failures += 1) {
      this.#enter('connecting');
      try {
        const chosen = this.#chosen;
        const page = await this.#open(chosen);
        // Only the page on show tells where the connection has to begin.
        if (!page || chosen !== this.#chosen) continue;
        // Above a place in the past the page has more, and the connection begins beyond that.
        const last = chosen === undefined || !page.has_more ? page.events.at(-1)?.id : undefined;
        this.#cursor = last ?? (page.recording ? page.head : 'latest');
        this.#connect();
        return this.#readUp();
      } catch (error) {
        if (this.#closed.signal.aborted) return undefined;
        if (error instanceof Refused) return this.#refuse(error);
        const longest = Math.min(RETRY.longest, RETRY.first * 2 ** failures);
        await this.#wait('reconnecting', longest * (0.5 + Math.random() / 2), (left) => `${wordsOf(error)}. Next try in ${left}`);
      }
    }
    return undefined;
  }

  /** Another place in the past, or the newest rows. Before the first connection, `begin` leads there. */
  async show(at, isSlid) {
    this.#problem = '';
    if (!this.#connection) {
      this.#chosen = at;
      this.#endWait();
      return;
    }
    await this.#open(at, isSlid).catch((error) => { this.#problem = wordsOf(error); });
    this.#paint();
    this.#tick();
  }

  async #open(at, isSlid = false) {
    this.#chosen = at;
    if (!isSlid) this.#held = undefined;
    $('place').textContent = '';
    if (at === undefined) {
      scrollTo(0, 0);
      return this.#list.openNewest();
    }
    const page = await this.#list.openAt(at, isSlid);
    // Of an empty log no time is known.
    if (page && !this.#timeline.isEmpty && !this.#closed.signal.aborted) {
      const time = this.#timeline.timeOf(at);
      const around = at < page.oldest ? 'The log does not reach back that far. This is its beginning.' : `Around ${time}`;
      $('place').textContent = this.#list.has(at) ? `At ${time}` : around;
    }
    return page;
  }

  // Connection

  #connect() {
    const attempt = this.#attempt += 1;
    const heard = (act) => (...values) => { if (attempt === this.#attempt) act(...values); };
    const take = heard((entry) => this.#take(entry));
    this.#connection = connect(this.#relay.base, {
      channels: this.channels,
      token: () => token.value,
      lastSeenId: this.#cursor,
      log: this.#log,
      onEvent: take,
      onGap: take,
      onLive: heard((live) => this.#live(live)),
      onState: heard((state, detail) => this.#changed(state, detail)),
    });
  }

  #changed(state, { error, wait }) {
    this.#endWait();
    if (state === 'waiting') {
      this.#beginResume();
      this.#wait('reconnecting', wait, (left) => `${wordsOf(error)}. Next try in ${left}`);
    } else if (state === 'refused') {
      this.#refuse(error);
    } else {
      this.#enter(state);
    }
  }

  #take(entry) {
    const isEvent = entry.type === 'event';
    if (isEvent) {
      this.#received += 1;
      this.#chart.add(entry);
    }
    if (entry.reason === 'ahead' || entry.reason === 'replaced') {
      this.#timeline = this.#newTimeline();
      this.#timeline.read().catch(() => {});
    }
    this.#timeline.takeLive(entry);
    if (this.#resume) this.#resume[`${entry.type}s`] += 1;
    this.#list.push({ ...entry, replayed: Boolean(this.#resume) });
    this.#position(entry.id);
  }

  #live({ id, log }) {
    this.#log = log;
    if (this.#resume) {
      const { since, ...came } = this.#resume;
      this.#resume = undefined;
      this.#list.push({ type: 'resumed', id, away: performance.now() - since, ...came });
    }
    this.#position(id, log);
    // What is counted is a second old.
    this.#refresh();
    setTimeout(() => this.#refresh(), 1500);
  }

  #beginResume() {
    if (this.#log) this.#resume ??= { since: performance.now(), events: 0, gaps: 0 };
  }

  /** Drops a live connection for a time; one that is away comes back at once. */
  async #cutOrHurry(milliseconds) {
    const { state } = $('status').dataset;
    if (state === 'live') {
      this.#beginResume();
      this.#attempt += 1;
      this.#cursor = this.#connection.lastSeenId;
      this.#connection.close();
      await this.#wait('cut', milliseconds, (left) => `back in ${left}`);
      if (!this.#closed.signal.aborted) this.#connect();
    } else {
      this.#endWait();
      this.#connection?.reconnect();
    }
  }

  #wait(state, milliseconds, describe) {
    const until = performance.now() + milliseconds;
    const tick = () => {
      const left = until - performance.now();
      if (left > 0) $('state-detail').textContent = describe(seconds(left));
      else this.#endWait();
    };
    this.#enter(state);
    const timer = setInterval(tick, 100);
    return new Promise((resolve) => {
      this.#endWait = () => {
        clearInterval(timer);
        this.#endWait = () => {};
        resolve();
      };
      tick();
    });
  }

  #enter(state, detail = '') {
    const isWaiting = state === 'cut' || state === 'reconnecting';
    $('status').dataset.state = state;
    $('state').textContent = state;
    $('state-detail').textContent = detail;
    $('cut').textContent = isWaiting ? 'Reconnect now' : 'Cut and resume';
    $('cut').disabled = !isWaiting && state !== 'live';
    this.#paint();
  }

  /** A channel that is not allowed at all is refused with a 403, too: then a token would not help. */
  #refuse({ message, status }) {
    this.#enter('refused', message);
    $('token').value = '';
    $('token-form').hidden = status !== 401 && !(status === 403 && token.value);
  }

  // History

  async #fetchPage(position) {
    const { channels } = this;
    const page = await history(this.#relay.base, { channels, token: token.value, signal: this.#closed.signal, ...position });
    this.#recordedSince = page.recorded_since;
    this.#timeline.take(page, position);
    return page;
  }

  #newTimeline() {
    return new Timeline($('timeline'), { fetchPage: (position) => this.#fetchPage(position), signal: this.#closed.signal });
  }

  /** The chart's last minutes, then the timeline. Neither is needed for anything else. */
  async #readUp() {
    try {
      let before = Number.isInteger(this.#cursor) ? this.#cursor + 1 : 0;
      for (let pages = 0; before && pages < CHART_PAGES; pages += 1) {
        const { events, has_more: hasMore } = await this.#fetchPage({ before, limit: 1000 });
        for (const event of events) if (event.type === 'event') this.#chart.add(event);
        before = hasMore && this.#chart.reachesTo(events[0]) && events[0].id;
      }
      await this.#timeline.read();
    } catch { /* Less is shown then. */ }
    this.#tick();
  }

  /** What others do to the log: eviction, and who else listens. */
  async #refresh() {
    if (this.#closed.signal.aborted) return;
    const listed = await this.#relay.channels();
    if (this.#closed.signal.aborted || !listed) return;
    const ahead = Date.parse(listed.counted) - Date.now();
    this.#clock = Math.abs(ahead) < CLOCKS_AGREE ? 0 : ahead;
    const shown = listed.channels.filter(({ channel }) => this.channels.some((each) => matchesChannel(each, channel)));
    if (shown.length > 0) this.#timeline.total = shown.reduce((sum, { events }) => sum + events, 0);
    describeChips(listed.channels);
    await this.#fetchPage({ limit: 0 }).catch(() => {});
    this.#tick();
  }

  async #loadMore(end) {
    this.#problem = '';
    await this.#list[end]().catch((error) => { this.#problem = wordsOf(error); });
    this.#paint();
  }

  async #searchBy(act) {
    const done = act();
    say('Searching');
    await done;
    if (!this.#closed.signal.aborted) say($('search-state').textContent);
  }

  // What the user does

  #bind() {
    const { signal } = this.#closed;
    const on = (id, type, handler) => $(id).addEventListener(type, handler, { signal });
    on('filter', 'input', () => this.#list.filter($('filter').value));
    on('search-form', 'submit', (event) => {
      event.preventDefault();
      this.#searchBy(() => this.#search.begin($('filter').value));
    });
    on('search-stop', 'click', () => (this.#search.isRunning ? this.#search.stop() : this.#searchBy(() => this.#search.goOn())));
    on('search-close', 'click', () => {
      this.#search.close();
      $('filter').focus();
    });
    on('pause', 'click', () => this.#list.togglePause());
    on('cut', 'click', () => this.#cutOrHurry($('cut').dataset.seconds * 1000));
    on('older', 'click', () => this.#loadMore('loadOlder'));
    on('load-newer', 'click', () => this.#loadMore('loadNewer'));
    on('newer', 'click', () => (this.#list.isDetached ? this.#go({}) : scrollTo(0, 0)));
    on('slider', 'input', () => this.#slide());
    on('gap-before', 'click', () => this.#goToGap((gaps, from) => gaps.findLast(({ id }) => id < from)));
    on('gap-after', 'click', () => this.#goToGap((gaps, from) => gaps.find(({ id }) => id > from)));
    addEventListener('scroll', () => this.#paintScrolled(), { signal, passive: true });
    addEventListener('resize', () => this.#tick(), { signal });
    const timers = [setInterval(() => this.#tick(), 1000), setInterval(() => document.hidden || this.#refresh(), REFRESH)];
    signal.addEventListener('abort', () => timers.forEach(clearInterval));
  }

  /** The keys move it step by step, so what it leads to waits until it rests. */
  #slide() {
    clearTimeout(this.#sliding);
    const id = this.#timeline.idAt($('slider').value / $('slider').max);
    this.#sayPlace(id);
    this.#sliding = setTimeout(() => {
      this.#sliding = undefined;
      if (!this.#closed.signal.aborted && !this.#timeline.isEmpty) this.#slideTo(id);
    }, SLIDER_REST);
  }

  /** Anywhere within a gap leads to the gap, while the slider stays where it is: else no key would lead it out. */
  #slideTo(id) {
    // The end of the slider is the newest, also when there are newer ones.
    this.#held = { id: id < this.#timeline.bounds.newest ? id : Infinity };
    this.#go({ at: this.#timeline.gapAround(id)?.id ?? Math.round(id), isSlid: true });
  }

  #goToGap(choose) {
    const gap = choose(this.#timeline.gaps, this.#chosen ?? Infinity);
    if (gap) this.#slideTo(gap.id);
  }

  // What the page shows

  #position(head, log) {
    $('head').textContent = head;
    if (log) $('log').textContent = log;
  }

  #paint() {
    if (this.#closed.signal.aborted) return;
    const { isPaused, isLoading, waiting, isFiltered, hasOlder, isDetached, size, hidden } = this.#list;
    const { state } = $('status').dataset;
    $('viewer').classList.toggle('refused', state === 'refused');
    $('viewer').classList.toggle('empty', size === 0);
    $('received').textContent = formatted(this.#received);
    $('pause').textContent = isPaused ? `Continue · ${formatted(waiting)} waiting` : 'Pause';
    $('pause').setAttribute('aria-pressed', isPaused);
    $('matches').textContent = isFiltered ? `${formatted(size - hidden)} of ${count(size, 'row')} here match` : '';
    $('quiet').hidden = size > 0 || (state !== 'live' && !isLoading);
    $('quiet').textContent = isLoading ? 'Reading the log …' : 'Nothing yet. Run the SQL line above, and the event will appear here.';
    $('older').hidden = !hasOlder;
    $('load-newer').hidden = !isDetached || size === 0;
    $('end-note').textContent = this.#problem || (hasOlder || size === 0 ? '' : this.#beginning());
    this.#paintScrolled();
  }

  #beginning() {
    const since = this.#recordedSince && new Date(this.#recordedSince).toLocaleString();
    const these = this.channels.length > 1 ? 'these channels' : 'this channel';
    return `The log has nothing older from ${these}${since ? `, recorded since ${since}` : ''}.`;
  }

  #paintScrolled() {
    const list = this.#list;
    if (scrollY < 8) list.unseen = 0;
    $('newer').hidden = !list.isDetached && list.unseen === 0;
    $('newer').textContent = list.isDetached
      ? `↑ Back to the newest · ${formatted(list.waiting)} waiting`
      : `↑ ${formatted(list.unseen)} new`;
    if (!this.#sliding) this.#paintSlider();
    // With a filter nearly all rows may be hidden, and this would fetch the whole log: then by the button only.
    const isNearEnd = $('older').getBoundingClientRect().top < innerHeight + 400;
    if (isNearEnd && list.hasOlder && !list.isLoading && !list.isFiltered && !this.#problem) this.#loadMore('loadOlder');
  }

  #paintSlider() {
    const timeline = this.#timeline;
    $('slider').disabled = timeline.isEmpty;
    // Rows that a filter hides have no place on the page.
    if (timeline.isEmpty || this.#list.isFiltered) return;
    const top = this.#list.idAt(Math.max(0, $('panel').getBoundingClientRect().bottom));
    const isHeld = this.#isHeld(top);
    const isAtTop = !isHeld && scrollY < 8 && !this.#list.isDetached;
    const id = isHeld ? this.#held.id : isAtTop ? timeline.bounds.newest : top;
    if (id === undefined) return;
    $('slider').value = Math.round(timeline.placeOf(id) * $('slider').max);
    this.#sayPlace(id);
  }

  /**
   * Until the reader scrolls, since in a sparse log the rows on show may be far from where the slider was led to. New
   * rows move the page or change the row at the top; only a reader does both.
   */
  #isHeld(top) {
    if (!this.#held || this.#list.isLoading) return Boolean(this.#held);
    this.#held.y ??= scrollY;
    this.#held.top ??= top;
    if (this.#held.y !== scrollY && this.#held.top !== top) this.#held = undefined;
    return Boolean(this.#held);
  }

  #sayPlace(id) {
    $('slider').setAttribute('aria-valuetext', id < this.#timeline.bounds.newest ? this.#timeline.timeOf(id) : 'the newest');
  }

  #tick() {
    if (document.hidden || this.#closed.signal.aborted) return;
    const { latest, peak } = this.#chart.paint(Date.now() + this.#clock);
    $('rate').textContent = latest;
    $('peak').textContent = `peak ${peak}`;
    const timeline = this.#timeline;
    timeline.paint();
    $('timeline').setAttribute('aria-label', timeline.describe());
    $('span').textContent = timeline.summary();
    for (const end of ['oldest', 'newest']) $(end).textContent = timeline.isEmpty ? '' : timeline.timeOf(timeline.bounds[end]);
    const gaps = timeline.gaps;
    const from = this.#chosen ?? Infinity;
    $('gap-before').disabled = !gaps.some(({ id }) => id < from);
    $('gap-after').disabled = !gaps.some(({ id }) => id > from);
    this.#paintScrolled();
  }
}
