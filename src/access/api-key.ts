import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** A key cut in its parts. Whether it is anyone's is a question for the database. */
export interface ParsedKey {
  /** Finds the row; no secret. */
  readonly publicId: string;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PUBLIC_ID_LENGTH = 8;
/** 32 characters of 62 are 190 random bits. */
const SECRET_LENGTH = 32;
/** 62^6 is more than 2^32, so a CRC-32 fits. */
const CHECKSUM_LENGTH = 6;

/** Length of every key: `gw_` + 8 + `_` + 32 + 6. */
export const API_KEY_LENGTH = 3 + PUBLIC_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;

const SHAPE = /^gw_([0-9A-Za-z]{8})_[0-9A-Za-z]{38}$/;

/** A new key from the system's random source: `gw_<8 id>_<32 secret><6 checksum>`. */
export function generateApiKey(): { readonly key: string; readonly publicId: string } {
  const publicId = randomBase62(PUBLIC_ID_LENGTH);
  const body = `gw_${publicId}_${randomBase62(SECRET_LENGTH)}`;
  return { key: body + checksum(body), publicId };
}

/** Null for everything that cannot be a key of ours, found out without the database: wrong form or a typing error. */
export function parseApiKey(text: string): ParsedKey | null {
  if (text.length !== API_KEY_LENGTH) return null;
  const publicId = SHAPE.exec(text)?.[1];
  if (publicId === undefined) return null;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return checksum(body) === text.slice(-CHECKSUM_LENGTH) ? { publicId } : null;
}

/** What is stored of a key. */
export function hmacOfKey(pepper: Buffer, key: string): Buffer {
  return createHmac('sha256', pepper).update(key).digest();
}

/** Compares in a time that does not tell where the two differ. */
export function sameHmac(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Random text over 62 characters, each equally likely. */
export function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the largest multiple of 62 in a byte: what lies above would favour the first characters.
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62);
    }
  }
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let index = 0; index < CHECKSUM_LENGTH; index += 1) {
    text = BASE62.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
