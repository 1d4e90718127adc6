import { $, count, el, formatted, timeOfEvent } from './dom.js';
import { channelTag, matches } from './list.js';

const PAGE = 1000;
/** For one go; then it stops until it is told to go on. */
const MAX_FOUND = 200;
/** Characters before what was found, and in all. */
const BEFORE = 40;
const MAX_SHOWN = 200;

/** Looks through the whole log of the channels on show, page by page, from the newest event to the oldest. */
export class LogSearch {
  #of;
  #needle = '';
  #running;
  #before;
  #looked = 0;
  #found = 0;
  #isDone = false;

  /** @param of `fetchPage(position)`, `tagged`, `linkTo(id)`, `goTo(id)`. */
  constructor(of) {
    this.#of = of;
    this.close();
  }

  get isRunning() { return this.#running !== undefined; }

  /** Resolved when it has stopped, for whatever reason. */
  async begin(text) {
    this.#needle = text.trim().toLowerCase();
    if (!this.#needle) return this.close();
    this.#looked = 0;
    this.#isDone = false;
    this.#before = undefined;
    $('search').hidden = false;
    await this.goOn();
  }

  async goOn() {
    const running = this.#running = new AbortController();
    const isCurrent = () => this.#running === running;
    this.#found = 0;
    $('found').replaceChildren();
    let problem = '';
    try {
      while (!this.#isDone && this.#found < MAX_FOUND) {
        this.#paint();
        const page = await this.#of.fetchPage({ limit: PAGE, ...(this.#before && { before: this.#before }) });
        if (!isCurrent()) return;
        this.#take(page);
      }
    } catch (error) {
      problem = error.message;
    }
    if (!isCurrent()) return;
    this.#running = undefined;
    this.#paint(problem);
  }

  stop() {
    this.#running = undefined;
    this.#paint();
  }

  close() {
    this.#running = undefined;
    $('search').hidden = true;
    $('found').replaceChildren();
  }

  #take({ events, has_more: hasMore, oldest, newest }) {
    for (const entry of events.toReversed()) {
      this.#before = entry.id;
      if (entry.type !== 'event') continue;
      this.#looked += 1;
      if (matches(entry, this.#needle)) $('found').append(this.#row(entry));
      if ((this.#found = $('found').childElementCount) === MAX_FOUND) break;
    }
    this.#isDone = events.length === 0 || (!hasMore && this.#before === events[0].id);
    const range = newest - oldest;
    $('search-progress').value = this.#isDone || !range ? 1 : (newest - this.#before) / range;
  }

  #row(event) {
    const link = el('a', { href: this.#of.linkTo(event.id) },
      timeOfEvent(event),
      ...(this.#of.tagged ? [channelTag(event.channel)] : []),
      el('span', { class: 'hit' }, ...this.#excerpt(event.payload)));
    link.addEventListener('click', (click) => {
      if (click.ctrlKey || click.metaKey || click.shiftKey) return;
      click.preventDefault();
      this.#of.goTo(event.id);
    });
    return el('li', {}, link);
  }

  #excerpt(payload) {
    const at = payload.toLowerCase().indexOf(this.#needle);
    if (at < 0) return [payload.slice(0, MAX_SHOWN)];
    const from = Math.max(0, at - BEFORE);
    const end = at + this.#needle.length;
    return [
      (from > 0 ? '…' : '') + payload.slice(from, at),
      el('mark', {}, payload.slice(at, end)),
      payload.slice(end, Math.max(end, from + MAX_SHOWN)),
    ];
  }

  #paint(problem = '') {
    const found = this.#found === MAX_FOUND ? `The first ${formatted(MAX_FOUND)}` : formatted(this.#found);
    const where = this.isRunning ? 'searching' : this.#isDone ? 'the whole log' : 'stopped';
    $('search-state').textContent = problem || `${found} found in ${count(this.#looked, 'event')} · ${where}`;
    $('search-progress').hidden = !this.isRunning;
    $('search-stop').hidden = !this.isRunning && this.#isDone;
    $('search-stop').textContent = this.isRunning ? 'Stop' : 'Continue';
  }
}
