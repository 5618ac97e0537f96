const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const REQUEST_ID = /^req_([0-7][0-9a-hjkmnp-tv-z]{9})[0-9a-hjkmnp-tv-z]{16}$/;

/** An id that sorts before those of all requests that begin at this time or later, and after those before. */
export function firstRequestIdAt(timeMs: number): string {
  let digits = '';
  for (let time = timeMs, index = 0; index < 10; index += 1, time = Math.floor(time / 32)) {
    digits = (ALPHABET[time % 32] ?? '0') + digits;
  }
  return `req_${digits}${'0'.repeat(16)}`;
}

/** When a request began, by its id: which partition holds it. Null when the text is no request id. */
export function timeOfRequestId(id: string): number | null {
  const digits = REQUEST_ID.exec(id)?.[1];
  if (digits === undefined) return null;
  let time = 0;
  for (const digit of digits) time = time * 32 + ALPHABET.indexOf(digit);
  // The last time a date can hold.
  return time <= 8_640_000_000_000_000 ? time : null;
}
