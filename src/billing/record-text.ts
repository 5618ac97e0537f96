import { memoized } from '../core/memoized';

/** Longest text kept in one column: names, not contents. */
const MAX_TEXT = 512;
const MAX_JSON = 64 * 1024;

/** Half a character: a database refuses it, as it does NUL. */
const SURROGATE = /[\ud800-\udfff]/;
/** Both as JSON writes them, behind an even number of backslashes. */
const UNSTORABLE_ESCAPE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi;

/** Cut to what a column holds, and free of what a database refuses: clients and providers may send anything. */
export function storable(text: string): string;
export function storable(text: string | null): string | null;
export function storable(text: string | null): string | null {
  if (text === null) return null;
  const cut = text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
  const clean = cut.includes('\0') ? cut.replaceAll('\0', '') : cut;
  return SURROGATE.test(clean) ? Buffer.from(clean, 'utf8').toString('utf8') : clean;
}

const nameJson = memoized((name) => JSON.stringify(storable(name)));

/** A storable text as JSON. */
export const textJson = (text: string | null): string => (text === null ? 'null' : nameJson(text));

let knownSecond = NaN;
let knownSecondText = '';

/** `2026-11-28T18:26:29.123Z` of a time in whole milliseconds; most follow another one of the same second. */
export function isoTime(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  if (second !== knownSecond) {
    knownSecondText = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
    knownSecond = second;
  }
  const milliseconds = Math.floor(timeMs) - second * 1000;
  return `${knownSecondText}${String(milliseconds).padStart(3, '0')}Z`;
}

/** JSON that a database takes; null when the value has no JSON or too much. */
export function storableJson(value: unknown): string | null {
  const text = jsonOf(value);
  if (text === null || text.length > MAX_JSON) return null;
  return text.includes('\\u') ? text.replace(UNSTORABLE_ESCAPE, '$1\ufffd') : text;
}

/** Big integers, which JSON does not know, become text: a replacer is slow, so only when there are any. */
function jsonOf(value: unknown): string | null {
  try {
    return JSON.stringify(value);
  } catch {
    try {
      return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
    } catch {
      return null;
    }
  }
}

/** A list as JSON; what does not fit is left out at the end, and the last element says so. */
export function storableList(items: readonly unknown[], cutMark: unknown): string {
  const whole = storableJson(items);
  if (whole !== null) return whole;
  const parts: string[] = [];
  let length = 0;
  for (const item of items) {
    const part = storableJson(item) ?? 'null';
    length += part.length + 1;
    if (length > MAX_JSON) {
      parts.push(storableJson(cutMark) ?? 'null');
      break;
    }
    parts.push(part);
  }
  return `[${parts.join(',')}]`;
}
