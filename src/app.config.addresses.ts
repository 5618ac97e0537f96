import { isIP } from 'node:net';
import { isBlockedAddress } from './platform/http/address-guard';

/**
 * Whether the host of a URL is certainly not on the public internet. The URL parser has already turned every other
 * spelling of an address (octal, hexadecimal, one number, IPv4 in IPv6) into the usual one. A name that only resolves to
 * a private address is found when it is resolved.
 */
export function isPrivateHost(url: URL): boolean {
  const host = url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.+$/, '')
    .toLowerCase();
  if (isIP(host) !== 0) return isBlockedAddress(host);
  return !host.includes('.') || /\.(localhost|local|internal|intranet|lan|home\.arpa)$/.test(host);
}
