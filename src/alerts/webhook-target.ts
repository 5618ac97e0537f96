import { isIP } from 'node:net';
import { InvalidRequestError } from '../core/errors';
import { isBlockedAddress } from '../platform/http/address-guard';

/** Throws `InvalidRequestError` for an address to which events may not be sent. Names are checked again when they are resolved. */
export function requireTarget(address: string, allowPrivateNetwork: boolean): void {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.hostname === '') {
    throw wrong('must be an address such as https://example.com/hooks/gateway');
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw wrong('must not hold a user, a password or a fragment; the signature says who sends');
  }
  if (allowPrivateNetwork) return;
  if (url.protocol === 'http:') throw wrong('must begin with https://, or set allow_private_network if http is meant');
  if (isBlockedHost(url)) {
    throw wrong('leads to a private or loopback address; set allow_private_network if that is meant');
  }
}

/** A literal address outside the public network; it never reaches the lookup. */
export function isBlockedHost({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && isBlockedAddress(host));
}

const wrong = (what: string): InvalidRequestError => new InvalidRequestError(`url ${what}.`, 'url');
