import { randomBytes } from 'node:crypto';

/** Crockford base32 in lower case: no i, l, o, u, and the order of its characters is the order of their values. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export type IdPrefix =
  'req' | 'att' | 'dep' | 'team' | 'user' | 'key' | 'bud' | 'top' | 'org' | 'inst' | 'hook' | 'dlv' | 'aud';

/** Random bytes are drawn in blocks: one system call serves 400 ids. */
const BLOCK_BYTES = 4000;
let block: Buffer = Buffer.alloc(0);
let offset = 0;

function nextRandom(bytes: number): Buffer {
  if (offset + bytes > block.length) {
    block = randomBytes(BLOCK_BYTES);
    offset = 0;
  }
  offset += bytes;
  return block.subarray(offset - bytes, offset);
}

/**
 * A prefixed identifier such as `req_06f4…`: 48 bits of milliseconds, then 80 random bits, in 26 base32 characters.
 * Identifiers made in different milliseconds sort by time, as text and in an index.
 */
export function newId(prefix: IdPrefix, nowMs: number): string {
  let time = nowMs;
  let head = '';
  for (let index = 0; index < 10; index += 1) {
    head = ALPHABET[time % 32]! + head;
    time = Math.floor(time / 32);
  }
  const random = nextRandom(16);
  let tail = '';
  for (let index = 0; index < 16; index += 1) tail += ALPHABET[random[index]! & 31]!;
  return `${prefix}_${head}${tail}`;
}
