const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const REQUEST_ID = /^req_([0-7][0-9a-hjkmnp-tv-z]{9})[0-9a-hjkmnp-tv-z]{16}$/;

/** When a request began, by its id: which partition holds it. Null when the text is no request id. */
export function timeOfRequestId(id: string): number | null {
  const digits = REQUEST_ID.exec(id)?.[1];
  if (digits === undefined) return null;
  let time = 0;
  for (const digit of digits) time = time * 32 + ALPHABET.indexOf(digit);
  // The last time a date can hold.
  return time <= 8_640_000_000_000_000 ? time : null;
}
