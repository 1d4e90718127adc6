/**
 * The page shows what its address says: `?channel=…`, once for each channel or pattern, and `at=…` for a place in the
 * past. A message goes from `connect` of client.js to a `Screen`, and from there to the list, the chart and the timeline.
 */

import { chip, describeKnown, listKnown } from './chips.js';
import { $, bindCopying } from './dom.js';
import { sampleSQL } from './payload.js';
import { addressOf, readAddress, Relay, token } from './relay.js';
import { Screen } from './screen.js';

const REFRESH = 10_000;

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
    const { knownChannels } = document.documentElement.dataset;
    this.#listKnown(knownChannels.startsWith('{{') ? [] : JSON.parse(knownChannels));
    bindCopying();
    $('connect-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const channels = new Set([...(this.#screen?.channels ?? []), $('channel').value]);
      $('channel').value = '';
      this.#go([...channels]);
    });
    $('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      token.set($('token').value);
      this.#open({ isAnew: true });
    });
    addEventListener('popstate', () => this.#open());
    setInterval(() => this.#screen || document.hidden || this.#describeKnown(), REFRESH);
    this.#open();
  }

  #go(channels, { at, isSlid } = {}) {
    const isNext = isSlid && readAddress().at !== undefined;
    history[isNext ? 'replaceState' : 'pushState'](null, '', addressOf(channels, at));
    this.#open({ isSlid });
  }

  /** Shows what the address says, so that reload, bookmark and "back" work. */
  #open({ isAnew = false, isSlid = false } = {}) {
    const { channels, at } = readAddress();
    const isSame = this.#screen?.channels.join('\0') === channels.join('\0');
    if (isSame && !isAnew && channels.length > 0) return this.#screen.show(at, isSlid);
    this.#screen?.close();
    $('start').hidden = channels.length > 0;
    $('viewer').hidden = channels.length === 0;
    $('channel').value = '';
    $('channel').placeholder = channels.length > 0 ? 'Add a channel' : 'Channel or pattern';
    $('connect').textContent = channels.length > 0 ? 'Add' : 'Connect';
    document.title = channels.length > 0 ? `${channels.join(', ')} · pg_eventrelay` : 'pg_eventrelay';
    $('title').textContent = `Events of ${channels.join(', ')}`;
    $('chips').replaceChildren(...channels.map((name) => chip(name, () => {
      this.#go(channels.filter((each) => each !== name));
      $('channel').focus();
    })));
    this.#screen = undefined;
    if (channels.length === 0) return this.#describeKnown();
    this.#screen = new Screen(channels, this.#relay, (place) => this.#go(channels, place));
    return this.#screen.begin(at);
  }

  #listKnown(known) {
    const { channels } = document.documentElement.dataset;
    const allowed = channels ? `Allowed: ${channels}` : 'Each needs a token';
    const rule = channels === '*' ? 'Any name will do' : allowed;
    $('known-hint').textContent = `${known.length ? 'These are recorded now. ' : ''}${rule}; type a new one above, or a pattern such as orders.*`;
    $('start-sql').textContent = sampleSQL(known[0] ?? 'people');
    listKnown(known, (name) => this.#go([name]));
  }

  async #describeKnown() {
    const listed = await this.#relay.channels();
    if (!listed) return;
    this.#listKnown(listed.channels.map(({ channel }) => channel));
    describeKnown(listed.channels);
  }
}

new Page();
