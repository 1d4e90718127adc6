/** Where the relay is, who asks it, and what the page's own address asks for. */

export const isPattern = (name) => /[*?]/.test(name);

/** As the relay finds channels. It goes back to the last `*` only, so no pattern takes long. */
export function matchesChannel(pattern, name) {
  const [wanted, given] = [[...pattern], [...name]];
  let [at, star, from] = [0, -1, 0];
  for (let index = 0; index < given.length;) {
    if (wanted[at] === '*') {
      [star, from] = [at, index];
      at += 1;
    } else if (wanted[at] === '?' || wanted[at] === given[index]) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      from += 1;
      index = from;
    } else {
      return false;
    }
  }
  return wanted.slice(at).every((each) => each === '*');
}

/** What says to the relay who is looking. Kept for this tab, where the browser allows it, until the tab is closed. */
export const token = {
  value: '',
  restore() { try { this.value = sessionStorage.relayToken ?? ''; } catch { /* not kept */ } },
  /** No token has other characters, while a copied one may have line breaks in it. */
  set(text) {
    this.value = text.replace(/^\s*bearer\s/i, '').replace(/[^\w.-]/g, '');
    try { sessionStorage.relayToken = this.value; } catch { /* not kept */ }
  },
};

export class Relay {
  /** With a slash at its end. */
  base;

  /** The server writes its address into the page; without it, the relay is where the page came from. */
  constructor({ dataset }, { protocol, host, pathname }) {
    const isWritten = /^wss?:/.test(dataset.baseUrl);
    const base = isWritten ? dataset.baseUrl : `ws://${host}${pathname.replace(/[^/]*$/, '')}`;
    // A page that came over TLS may open only wss, and behind a proxy the relay may not know of the TLS.
    this.base = `${(protocol === 'https:' ? base.replace(/^ws:/, 'wss:') : base).replace(/\/+$/, '')}/`;
  }

  listenURL(channels) {
    const [first] = channels;
    if (channels.length === 1 && !isPattern(first)) return `${this.base}listen/${encodeURIComponent(first)}`;
    return `${this.base}listen?${new URLSearchParams(channels.map((each) => ['channel', each]))}`;
  }

  /** What is recorded; undefined where the relay does not say. */
  async channels() {
    const headers = token.value ? { Authorization: `Bearer ${token.value}` } : {};
    const response = await fetch(`${this.base.replace(/^ws/, 'http')}channels`, { headers }).catch(() => undefined);
    return response?.ok ? response.json().catch(() => undefined) : undefined;
  }
}

// The page's address

export function addressOf(channels, at) {
  const query = new URLSearchParams(channels.map((each) => ['channel', each]));
  if (at !== undefined) query.set('at', at);
  return channels.length > 0 ? `?${query}` : location.pathname;
}

export function readAddress() {
  const query = new URLSearchParams(location.search);
  const at = /^\d{1,15}$|^[1-8]\d{15}$/.test(query.get('at')) ? Number(query.get('at')) : undefined;
  return { channels: [...new Set(query.getAll('channel').filter(Boolean))], at };
}
