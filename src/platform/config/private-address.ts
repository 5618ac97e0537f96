import { BlockList, isIP } from 'node:net';

/** Ranges that are not the public internet (IANA special-purpose registries for IPv4 and IPv6). */
const PRIVATE = new BlockList();
for (const range of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]) {
  const [network = '', bits = ''] = range.split('/');
  PRIVATE.addSubnet(network, Number(bits), 'ipv4');
}
for (const range of [
  '::/128',
  '::1/128',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  'fc00::/7',
  'fe80::/9',
  'ff00::/8',
]) {
  const [network = '', bits = ''] = range.split('/');
  PRIVATE.addSubnet(network, Number(bits), 'ipv6');
}

/** Whether an IP literal is loopback, private, link-local or otherwise not on the public internet. */
export function isPrivateAddress(address: string): boolean {
  const literal = address.replace(/%.*$/, '');
  const version = isIP(literal);
  if (version === 4) return PRIVATE.check(literal, 'ipv4');
  if (version !== 6) return false;
  const embedded = embeddedIpv4(literal);
  if (embedded !== null && PRIVATE.check(embedded, 'ipv4')) return true;
  return PRIVATE.check(literal, 'ipv6');
}

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
  if (isIP(host) !== 0) return isPrivateAddress(host);
  return !host.includes('.') || /\.(localhost|local|internal|intranet|lan|home\.arpa)$/.test(host);
}

/** The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address; null when there is none. */
function embeddedIpv4(address: string): string | null {
  const words = ipv6Words(address);
  if (!words) return null;
  const isZero = (from: number, to: number): boolean => words.slice(from, to).every((word) => word === 0);
  const isMapped = isZero(0, 5) && words[5] === 0xffff;
  const isTranslated = isZero(0, 4) && words[4] === 0xffff && words[5] === 0;
  const isNat64 = words[0] === 0x64 && words[1] === 0xff9b;
  if (isMapped || isTranslated || isNat64 || isZero(0, 6)) return dotted(words[6], words[7]);
  return words[0] === 0x2002 ? dotted(words[1], words[2]) : null;
}

function ipv6Words(address: string): number[] | null {
  // The URL parser writes an address in its canonical form, with any IPv4 tail as two words.
  const canonical = URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : null;
  if (canonical === null) return null;
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...(tail === undefined ? [] : zeros), ...right].map((word) => Number.parseInt(word, 16));
}

const dotted = (high = 0, low = 0): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
