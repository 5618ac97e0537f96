import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** OWASP's figure for scrypt: 2^17 rounds of 8 blocks, 128 MiB and about a second of one core. */
const LOG2_N = 17;
const BLOCK_SIZE = 8;
const PARALLEL = 1;
const HASH_BYTES = 32;
const SALT_BYTES = 16;

const ENCODED = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]+)\$([\w-]+)$/;

/** `scrypt$17$8$1$<salt>$<hash>`: the cost is kept with the hash, so that it can be raised later. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(normal(password), salt, HASH_BYTES, cost(LOG2_N, BLOCK_SIZE, PARALLEL));
  return ['scrypt', LOG2_N, BLOCK_SIZE, PARALLEL, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** False, after the same work, when there is no hash: the time does not tell whether the user exists. */
export async function verifyPassword(password: string, encoded: string | null): Promise<boolean> {
  const match = ENCODED.exec(encoded ?? '');
  if (!match) {
    await hashPassword(password);
    return false;
  }
  const [, logN, blockSize, parallel, salt = '', stored = ''] = match;
  const expected = Buffer.from(stored, 'base64url');
  const options = cost(Number(logN), Number(blockSize), Number(parallel));
  const actual = await derive(normal(password), Buffer.from(salt, 'base64url'), expected.length, options);
  return timingSafeEqual(actual, expected);
}

/** The same password typed on another system may arrive composed differently. */
const normal = (password: string): string => password.normalize('NFKC');

const cost = (log2N: number, blockSize: number, parallel: number): ScryptOptions => ({
  N: 2 ** log2N,
  r: blockSize,
  p: parallel,
  maxmem: 2 * 128 * 2 ** log2N * blockSize,
});
