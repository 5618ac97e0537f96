import { randomBytes } from 'node:crypto';

/** Crockford base32 in lower case: no i, l, o, u, and the order of its characters is the order of their values. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export type IdPrefix =
  'req' | 'att' | 'dep' | 'team' | 'user' | 'key' | 'bud' | 'top' | 'org' | 'inst' | 'hook' | 'dlv' | 'aud';

/** How the id of whom a budget or a limit is for begins. */
export const SCOPE_ID_PREFIXES = { key: 'key', user: 'user', team: 'team', department: 'dep' } as const;

/** Ten bits at a time. */
const PAIRS = Array.from({ length: 1024 }, (_, bits) => ALPHABET[bits >> 5]! + ALPHABET[bits & 31]!);

/** Random bytes are drawn in blocks: one system call serves 400 ids. */
const BLOCK_BYTES = 6400;
/** 80 bits, ten out of each sixteen. */
const BYTES_EACH = 16;
let block: Buffer = Buffer.alloc(0);
let offset = 0;

let knownMs = NaN;
let knownHead = '';

function headOf(nowMs: number): string {
  if (nowMs === knownMs) return knownHead;
  let time = nowMs;
  let head = '';
  for (let index = 0; index < 10; index += 1) {
    head = ALPHABET[time % 32]! + head;
    time = Math.floor(time / 32);
  }
  knownMs = nowMs;
  knownHead = head;
  return head;
}

/**
 * A prefixed identifier such as `req_06f4…`: 48 bits of milliseconds, then 80 random bits, in 26 base32 characters.
 * Identifiers made in different milliseconds sort by time, as text and in an index.
 */
export function newId(prefix: IdPrefix, nowMs: number): string {
  if (offset >= block.length) {
    block = randomBytes(BLOCK_BYTES);
    offset = 0;
  }
  let tail = '';
  for (const end = offset + BYTES_EACH; offset < end; offset += 2) tail += PAIRS[block.readUInt16LE(offset) & 1023]!;
  return `${prefix}_${headOf(nowMs)}${tail}`;
}
