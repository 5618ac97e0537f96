import { InvalidRequestError } from '../../core/errors';

/** As the database knows it too: it takes names of the IANA list only. */
export function toZone(name: string): string {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    if (/^[A-Za-z]/.test(name)) return timeZone;
  } catch {
    // Told below.
  }
  throw new InvalidRequestError('timezone must be an IANA time zone, for example Europe/Berlin or UTC.', 'timezone');
}
