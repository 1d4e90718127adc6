import { bars, count, sizeOfPicture, shortTime } from './dom.js';
import { GAPS } from './list.js';

const BINS = 240;
/**
 * What is read to begin with, 41 requests at the most: the newest page, then the first events of each of so many equal
 * parts of what is older. How many lie in between is an estimate then, and gaps there are not known.
 */
const FIRST_PAGE = 1000;
const PARTS = 40;
const PART_PAGE = 500;
/** Ranges that were read, each apart from the others. Beyond it, nothing more is taken in. */
const MAX_RANGES = 500;
const MAX_DESCRIBED = 5;
/** Half of the slider's thumb, whose middle is the place. */
const MARGIN = 8;
/** Microseconds that are kept free for what comes, at the least. */
const HEADROOM = 10_000_000;
/** Those that are stored in the log. The others answer one cursor. */
const STORED = new Set(['disconnected', 'restarted', 'unlogged', 'unrecorded']);

/**
 * What the log retains of the channels on show, from the oldest event to the newest: how many, and where gaps are. It
 * takes in each page of history that anyone reads, so a search or a scroll makes it more exact.
 */
export class Timeline {
  #svg;
  #of;
  #start = 0;
  #end = 0;
  #counts = new Float64Array(BINS);
  /** By how many microseconds the ids of a bin run ahead of the clock: after a start it may be 20 s. */
  #ahead = new Float64Array(BINS);
  /** Sorted, apart from each other: `[first id, last id]`. */
  #read = [];
  #unread = [];
  #isLookedAt = false;
  #gaps = new Map();
  #liveThrough;
  #bounds = { oldest: null, newest: null };
  /** From elsewhere: the events in all, where that is known. */
  total;

  /** @param of `fetchPage(position)`, which gives each page to `take` as well; `signal` ends the reading. */
  constructor(svg, of) {
    this.#svg = svg;
    this.#of = of;
  }

  get isEmpty() { return this.#bounds.oldest === null; }
  get bounds() { return this.#bounds; }
  /** By id. */
  get gaps() { return [...this.#gaps.values()].sort((a, b) => a.id - b.id); }
  get isEstimate() { return !this.#isLookedAt || this.#unread.some(({ from, to }) => !this.#isRead((from + to) / 2)); }

  async read() {
    const { oldest, events, has_more: hasMore } = await this.#of.fetchPage({ limit: FIRST_PAGE });
    this.#isLookedAt = !hasMore;
    if (!hasMore) return;
    const newest = events[0].id;
    const edge = (index) => Math.floor(oldest + ((newest - oldest) * index) / PARTS);
    for (let part = PARTS - 1; part >= 0 && !this.#of.signal.aborted; part -= 1) {
      const [after, before] = [edge(part) - 1, edge(part + 1)];
      const page = await this.#of.fetchPage({ after, before, limit: PART_PAGE });
      const last = page.events.at(-1)?.id;
      if (page.has_more) this.#unread.push({ from: last, to: before, density: page.events.length / (last - after) });
    }
    this.#isLookedAt = true;
  }

  /** What lies in between was read as well: that is how pages are. */
  take({ events, has_more: hasMore, head, oldest, newest }, { after, before, limit }) {
    this.bound({ oldest, newest });
    if (limit === 0 || this.isEmpty || (hasMore && events.length === 0)) return;
    // The head is looked at before the page, which may hold what came in between.
    const end = Math.max(head, events.at(-1)?.id ?? 0);
    const above = before === undefined ? end : Math.min(before - 1, end);
    const [first, last] = after === undefined
      ? [hasMore ? events[0].id : 0, above]
      : [after + 1, hasMore ? events.at(-1).id : above];
    if (this.#read.length >= MAX_RANGES) return;
    for (const entry of events) this.#add(entry);
    this.#markRead(first, last);
  }

  /** Entries of a connection lie one behind the other. */
  takeLive(entry) {
    if (this.isEmpty && entry.type !== 'event') return;
    if (this.isEmpty) this.bound({ oldest: entry.id, newest: entry.id });
    this.#bounds.newest = Math.max(this.#bounds.newest, entry.id);
    this.#add(entry);
    this.#markRead(this.#liveThrough ?? entry.id, entry.id);
    this.#liveThrough = entry.id;
  }

  bound({ oldest, newest }) {
    if (oldest === null) return;
    this.#bounds = { oldest, newest: Math.max(newest, this.#bounds.newest ?? 0) };
    for (const gap of this.#gaps.values()) if (gap.before <= oldest) this.#gaps.delete(gap.id);
    if (this.#start === 0 || oldest < this.#start) this.#spread(oldest, this.#bounds.newest);
  }

  timeOf(id) { return shortTime((id - this.#ahead[this.#binOf(id)]) / 1000); }

  /** 0 to 1, and back. Not rounded, so that in a short log a key's step is not lost. */
  placeOf(id) {
    const { oldest, newest } = this.#bounds;
    return Math.min(1, Math.max(0, (id - oldest) / Math.max(1, newest - oldest)));
  }

  idAt(place) {
    const { oldest, newest } = this.#bounds;
    return oldest + place * (newest - oldest);
  }

  gapAround(id) { return this.gaps.findLast((gap) => gap.after < id && id < gap.before); }

  paint() {
    const { width, height } = sizeOfPicture(this.#svg);
    const x = (id) => MARGIN + this.placeOf(id) * (width - 2 * MARGIN);
    const draw = (name, list) => this.#svg.querySelector(`.${name}`).setAttribute('d', bars(list));
    const bands = this.isEmpty ? [] : this.gaps.map(({ after, before }) => [x(after), Math.max(3, x(before) - x(after)), 0, height]);
    draw('bands', bands);
    draw('hatching', bands);
    draw('base', [[MARGIN, width - 2 * MARGIN, height - 1, height]]);
    const guesses = this.#guesses();
    const most = Math.max(1, ...this.#counts.map((counted, index) => counted + guesses[index]));
    const bin = (index) => this.#start + ((this.#end - this.#start) * index) / BINS;
    const bar = (index) => {
      const [left, right] = [x(bin(index)), x(bin(index + 1))];
      // The root, so that beside a flood the rest is still to be seen.
      const high = Math.sqrt((this.#counts[index] + guesses[index]) / most) * (height - 4);
      return [left, Math.max(1.5, right - left - 0.5), height - high, height];
    };
    const isShown = (index) => this.#counts[index] + guesses[index] > 0 && bin(index + 1) > this.#bounds.oldest;
    const shown = [...this.#counts.keys()].filter(isShown);
    draw('counted', shown.filter((index) => guesses[index] === 0).map(bar));
    draw('guessed', shown.filter((index) => guesses[index] > 0).map(bar));
  }

  describe() {
    if (this.isEmpty) return 'Nothing is retained yet';
    const { oldest, newest } = this.#bounds;
    const newestGaps = this.gaps.slice(-MAX_DESCRIBED).map(({ reason, after, before }) => (
      `${GAPS[reason]}, ${this.timeOf(after)} to ${this.timeOf(before)}`));
    return `Retained: ${this.#events()} from ${this.timeOf(oldest)} to ${this.timeOf(newest)}. ${count(this.#gaps.size, 'gap')}${newestGaps.length ? ': ' : ''}${newestGaps.join('; ')}`;
  }

  summary() {
    if (this.isEmpty) return 'nothing retained yet';
    const gaps = this.isEstimate ? `${count(this.#gaps.size, 'known gap')}, estimates are paler` : count(this.#gaps.size, 'gap');
    return `${this.#events()} · ${gaps}`;
  }

  /** What others count is some seconds old. */
  #events() {
    return count(this.isEstimate ? Math.max(this.total ?? 0, this.#counted()) : this.#counted(), 'event');
  }

  #add({ type, id, after, before, reason, time }) {
    if (type === 'gap' && STORED.has(reason) && after > 0) this.#gaps.set(id, { id, after, before, reason });
    if (type !== 'event' || id < this.#start || this.#isRead(id)) return;
    if (id >= this.#end) this.#spread(this.#bounds.oldest, id);
    const bin = this.#binOf(id);
    this.#counts[bin] += 1;
    this.#ahead[bin] = id - 1000 * Date.parse(time);
  }

  #binOf(id) {
    return Math.max(0, Math.min(BINS - 1, Math.floor(((id - this.#start) / (this.#end - this.#start)) * BINS)));
  }

  /** Over another range of ids; what was counted moves by whole bins. */
  #spread(oldest, newest) {
    const [start, end, counts, ahead] = [this.#start, this.#end, this.#counts, this.#ahead];
    this.#start = oldest;
    this.#end = newest + Math.max(HEADROOM, (newest - oldest) / 8);
    this.#counts = new Float64Array(BINS);
    this.#ahead = new Float64Array(BINS);
    counts.forEach((counted, index) => {
      const middle = start + ((end - start) * (index + 0.5)) / BINS;
      if (counted === 0 || middle < this.#start) return;
      this.#counts[this.#binOf(middle)] += counted;
      this.#ahead[this.#binOf(middle)] = ahead[index];
    });
  }

  #isRead(id) { return this.#read.findLast(([first]) => first <= id)?.[1] >= id; }

  #markRead(first, last) {
    const apart = this.#read.filter(([low, high]) => high < first - 1 || low > last + 1);
    const touched = this.#read.filter(([low, high]) => high >= first - 1 && low <= last + 1);
    const joined = [Math.min(first, ...touched.map(([low]) => low)), Math.max(last, ...touched.map(([, high]) => high))];
    this.#read = [...apart, joined].sort(([a], [b]) => a - b);
  }

  #counted() {
    const first = this.#binOf(this.#bounds.oldest);
    return this.#counts.reduce((sum, each, index) => (index < first ? sum : sum + each), 0);
  }

  /** What was not read of each bin: as dense as where it begins, and all together what is not counted. */
  #guesses() {
    const guesses = new Float64Array(BINS);
    const width = (this.#end - this.#start) / BINS;
    for (const { from, to, density } of this.#unread) {
      for (let index = this.#binOf(Math.max(from, this.#start)); index <= this.#binOf(to); index += 1) {
        const [low, high] = [this.#start + index * width, this.#start + (index + 1) * width];
        const middle = (Math.max(low, from) + Math.min(high, to)) / 2;
        if (!this.#isRead(middle)) guesses[index] += density * Math.max(0, Math.min(high, to) - Math.max(low, from));
      }
    }
    const sum = guesses.reduce((all, each) => all + each, 0);
    const counted = this.#counted();
    const left = Math.max(0, (this.total ?? counted + sum) - counted);
    return sum > 0 ? guesses.map((each) => (each * left) / sum) : guesses;
  }
}
