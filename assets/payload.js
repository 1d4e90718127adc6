/** What a payload looks like, and what sends it again. */

import { count, el } from './dom.js';

/** Longer payloads are folded. */
const MAX_LINE = 240;
/** Longer ones are cut, and not taken apart as JSON. NOTIFY carries less than 8,000 bytes. */
const MAX_TEXT = 50_000;

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

export function payloadElement({ payload, payload_base64: base64 }) {
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
    body.append(tree ? treeChildren(tree, 0) : longText(payload));
    if (base64) body.append(el('p', { class: 'size' }, 'The bytes in base64:'), longText(base64));
    return body;
  });
}

// SQL

/** In a quoted text, a terminal takes tabs and line breaks for keys, and what a backslash means is a setting. */
const UNSAFE = /[\\\u0000-\u001f\u007f-\u009f]/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const ESCAPES = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const identifier = (name) => `"${name.replaceAll('"', '""')}"`;
const hex = (text, digits) => text.charCodeAt(0).toString(16).padStart(digits, '0');

function literal(text) {
  const escaped = text.replace(UNSAFE, (each) => ESCAPES[each] ?? `\\u${hex(each, 4)}`);
  return `${escaped === text ? '' : 'E'}'${escaped.replaceAll("'", "''")}'`;
}

/** For a database without an encoding, the only kind in which a payload need not be UTF-8. */
const bytesLiteral = (bytes) => `E'${bytes.replace(/[^ -&(-[\]-~]/g, (each) => `\\x${hex(each, 2)}`)}'`;

export const sampleSQL = (channel) => psqlLine({ channel, payload: '{"hello": "world"}' });

/** One line for psql that sends the event again. */
export function psqlLine({ channel, payload, payload_base64: base64 }) {
  const text = base64 ? bytesLiteral(atob(base64)) : literal(payload);
  // An identifier has no escapes.
  if (CONTROL.test(channel)) return `SELECT pg_notify(${literal(channel)}, ${text});`;
  return payload === '' ? `NOTIFY ${identifier(channel)};` : `NOTIFY ${identifier(channel)}, ${text};`;
}
