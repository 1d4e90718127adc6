/** Channels to choose from, and those on show, with how much there is of them and who listens. */

import { $, button, count, el, formatted } from './dom.js';
import { channelTag } from './list.js';
import { isPattern, matchesChannel } from './relay.js';

const MAX_KNOWN = 40;

const factsOf = ({ events, subscribers }) => `${count(events, 'event')} · ${formatted(subscribers)} listening`;

// On show

export function chip(name, remove) {
  return el('li', { 'data-name': name },
    isPattern(name) ? el('span', { class: 'pattern', title: name }, name) : channelTag(name),
    el('span', { class: 'about' }),
    button('×', { class: 'remove', 'aria-label': `Remove ${name}`, title: 'Remove' }, remove));
}

/** @param listed as `/channels` lists them. */
export function describeChips(listed) {
  for (const { dataset: { name }, children: [, about] } of $('chips').children) {
    const found = listed.filter(({ channel }) => matchesChannel(name, channel));
    const events = found.reduce((sum, each) => sum + each.events, 0);
    const one = found.length > 0 ? factsOf(found[0]) : '';
    about.textContent = isPattern(name) ? `${count(found.length, 'channel')} · ${count(events, 'event')}` : one;
  }
  offer(optionsOf(listed));
}

// To choose from

export function listKnown(names, choose) {
  const listed = [...$('known').children].map(({ dataset }) => dataset.name);
  const known = names.slice(0, MAX_KNOWN);
  // One of the buttons may have the focus.
  if (known.join('\0') === listed.join('\0')) return;
  $('known').replaceChildren(...known.map((name) => el('li', { 'data-name': name },
    button(name, {}, () => choose(name)),
    el('span', { class: 'about' }))));
  offer(names.map((value) => ({ value })));
}

export function describeKnown(listed) {
  const byName = new Map(listed.map((each) => [each.channel, each]));
  for (const { dataset: { name }, lastElementChild: about } of $('known').children) {
    about.textContent = byName.has(name) ? factsOf(byName.get(name)) : '';
  }
  offer(optionsOf(listed));
}

const optionsOf = (listed) => listed.map((each) => ({ value: each.channel, label: factsOf(each) }));
let offered;

/** Left as they are where nothing has changed, as somebody may be choosing. */
function offer(options) {
  const text = JSON.stringify(options);
  if (text === offered) return;
  offered = text;
  $('known-channels').replaceChildren(...options.map((each) => el('option', each)));
}
