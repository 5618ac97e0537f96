import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1.';

/** Encrypts a text for one place: sealed for `owner`, it opens for no other, so that rows cannot be swapped. */
export function sealText(key: Buffer, owner: string, text: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(owner));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

/** Throws when the text was changed, belongs to another owner, or was sealed with another key. */
export function openText(key: Buffer, owner: string, sealed: string): string {
  try {
    return open(key, owner, sealed);
  } catch (cause) {
    throw new Error(
      'a sealed text does not open: it was changed, or belongs to another owner or another GATEWAY_SECRET',
      {
        cause,
      },
    );
  }
}

function open(key: Buffer, owner: string, sealed: string): string {
  if (!sealed.startsWith(VERSION)) throw new Error('it has no version that is known');
  const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(owner)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
}
