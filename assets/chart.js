import { bars, perSecond, sizeOfPicture } from './dom.js';

/** Milliseconds of a bar, and how many of them: five minutes. */
const STEP = 2000;
const BARS = 150;
const LATEST = 5;

/** Events per second, by the time at which the relay stored them: what a resume brings stands where it belongs. */
export class RateChart {
  #svg;
  #counts = new Array(BARS).fill(0);
  #newest = 0;

  constructor(svg) {
    this.#svg = svg;
    this.paint(0);
  }

  add({ time }) {
    const at = Math.floor(Date.parse(time) / STEP);
    this.#advance(at);
    if (at > this.#newest - BARS) this.#counts[at % BARS] += 1;
  }

  /** Whether there is a bar for what came before this. */
  reachesTo({ time }) { return Date.parse(time) / STEP > this.#newest - BARS + 1; }

  /** @param now milliseconds since 1970, by the relay's clock. Gives the rate of the last ten seconds, and the greatest. */
  paint(now) {
    this.#advance(Math.floor(now / STEP));
    const { width, height } = sizeOfPicture(this.#svg);
    const rates = this.#rates();
    const peak = Math.max(...rates);
    const scale = (height - 1) / niceAbove(peak);
    const step = width / BARS;
    const list = rates.map((rate, index) => [index * step, step * 0.8, height - Math.max(rate * scale, rate > 0 ? 1 : 0), height]);
    this.#svg.querySelector('path').setAttribute('d', bars(list.filter(([, , top]) => top < height)));
    const average = (list) => perSecond(list.reduce((sum, rate) => sum + rate, 0) / list.length);
    this.#svg.setAttribute('aria-label', `Events per second in the last five minutes: ${average(rates)} on average, ${perSecond(peak)} at most`);
    return { latest: average(rates.slice(-LATEST)), peak: perSecond(peak) };
  }

  /** Oldest first. */
  #rates() {
    return this.#counts.map((_, index) => this.#counts[(this.#newest + 1 + index) % BARS] / (STEP / 1000));
  }

  #advance(to) {
    for (let at = Math.max(this.#newest, to - BARS) + 1; at <= to; at += 1) this.#counts[at % BARS] = 0;
    this.#newest = Math.max(this.#newest, to);
  }
}

/** 1, 2 or 5 with noughts. */
function niceAbove(rate) {
  const power = 10 ** Math.floor(Math.log10(Math.max(rate, 1)));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rate) ?? 1;
}
