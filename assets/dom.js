/** Small tools. What comes from outside enters the document as text, never as markup. */

export const $ = (id) => document.getElementById(id);
export const formatted = (n) => n.toLocaleString();
export const count = (n, noun) => `${formatted(n)} ${noun}${n === 1 ? '' : 's'}`;
export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
export const perSecond = (rate) => `${rate < 10 ? Number(rate.toFixed(1)) : formatted(Math.round(rate))}/s`;

export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function button(label, attributes, onClick) {
  const element = el('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', () => onClick(element));
  return element;
}

const toTheSecond = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const clock = new Intl.DateTimeFormat(undefined, { ...toTheSecond, fractionalSecondDigits: 3 });
const shortClock = new Intl.DateTimeFormat(undefined, toTheSecond);
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

function localTime(date, format) {
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? format.format(date) : `${day.format(date)} ${format.format(date)}`;
}

export const timeOfEvent = ({ time }) => el('time', { datetime: time, title: time }, localTime(new Date(time), clock));
export const shortTime = (milliseconds) => localTime(new Date(milliseconds), shortClock);

/** Told to who doesn't see the page, too. */
export function say(text) {
  $('said').textContent = text;
}

/**
 * `navigator.clipboard` does not exist on plain http, where most relays are looked at. The text is given to the event,
 * as a text area would change its line breaks; but some browsers copy only where something is selected.
 */
function copy(text, from) {
  const area = el('textarea', { class: 'unseen', 'aria-hidden': 'true' }, 'selected');
  const label = from.dataset.label ??= from.textContent;
  let isGiven = false;
  const give = (event) => {
    event.clipboardData.setData('text/plain', text);
    event.preventDefault();
    isGiven = true;
  };
  from.after(area);
  area.select();
  area.addEventListener('copy', give);
  const isDone = document.execCommand('copy') && isGiven;
  area.remove();
  from.focus({ preventScroll: true });
  from.textContent = isDone ? 'Copied' : 'Not copied';
  say(from.textContent);
  setTimeout(() => { from.textContent = label; }, 1200);
}

export const copyButton = (label, text) => button(label, { class: 'quiet' }, (self) => copy(text, self));

export function bindCopying() {
  for (const each of document.querySelectorAll('[data-copy]')) {
    each.addEventListener('click', () => copy($(each.dataset.copy).textContent, each));
  }
}

/** A path of bars, `[left, width, top, bottom]` each. */
export const bars = (list) => list.map(([x, width, top, bottom]) => `M${x} ${bottom}V${top}h${width}V${bottom}z`).join('');

/** As wide as it is shown, so that a unit is a pixel and hatching is not stretched. */
export function sizeOfPicture(svg) {
  const { clientWidth: width, clientHeight: height } = svg;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  return { width, height };
}
