import { GatewayError } from '../../core/errors';
import { parseTraceparent } from '../../core/trace-context';

/** How many gateways a request has gone through: each adds one on the way out. */
const HOPS_HEADER = 'x-gateway-hops';
/** A request that comes in after so many hops is going round in a circle. */
const MAX_HOPS = 3;

type Headers = Readonly<Record<string, string>>;
type ReceivedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** All that may leave for a provider; `host` and `content-length` are the HTTP client's own. */
const ALLOWED = new Set([
  'content-type',
  'accept',
  'user-agent',
  'authorization',
  'x-api-key',
  'api-key',
  HOPS_HEADER,
  'traceparent',
  'tracestate',
]);
/** The vendors' own families: versions and betas a client asked for, and what the official SDKs say about themselves. */
const ALLOWED_PREFIXES = ['anthropic-', 'openai-', 'x-stainless-'];

/**
 * The only place where the headers of a call to a provider are decided: what is not on the list stays here, whoever put
 * it there, and the count of hops goes up by one.
 */
export function outboundHeaders(headers: Headers): Record<string, string> {
  const outbound: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (ALLOWED.has(lower) || ALLOWED_PREFIXES.some((prefix) => lower.startsWith(prefix))) outbound[lower] = value;
  }
  outbound[HOPS_HEADER] = String(hopsOf(outbound) + 1);
  return outbound;
}

/** Of most connections: no name of a header, and seen with every request. */
const USUAL_CONNECTIONS: ReadonlySet<unknown> = new Set([undefined, 'keep-alive', 'close', '']);

/**
 * Without the headers that `connection` names: those are for the next hop, which is the gateway, and go no further (RFC 9110,
 * section 7.6.1). The count of hops stays, because a loop must be seen whatever a client or a proxy says.
 */
export function endToEnd(headers: ReceivedHeaders): ReceivedHeaders {
  const { connection } = headers;
  if (USUAL_CONNECTIONS.has(connection)) return headers;
  const named = new Set(
    String(connection)
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  named.delete(HOPS_HEADER);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !named.has(name)));
}

/**
 * What a request brings along for the calls made on its behalf, as headers to be handed to {@link outboundHeaders}: the
 * count of hops, and its place in a trace, unchanged, because the gateway makes no spans of its own. Nothing when it has none.
 */
export function receivedTrail(headers: ReceivedHeaders): Record<string, string> {
  const trail: Record<string, string> = {};
  const hops = hopsOf(headers);
  if (hops > 0) trail[HOPS_HEADER] = String(hops);
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string' || !parseTraceparent(traceparent)) return trail;
  trail['traceparent'] = traceparent;
  // It means nothing without `traceparent`.
  if (typeof tracestate === 'string' && /^[\x20-\x7e]{1,512}$/.test(tracestate)) trail['tracestate'] = tracestate;
  return trail;
}

/** Throws a 508 when a request has come in too often: the address of a provider leads back to the gateway. */
export function refuseLoop(headers: ReceivedHeaders): void {
  const hops = hopsOf(headers);
  if (hops < MAX_HOPS) return;
  const message = `This request has come through ${hops} gateways: the base_url of a provider leads back to the gateway. The operator has to correct it.`;
  throw new GatewayError(508, 'request_loop', 'api_error', message, { shouldRetry: false });
}

/** Nonsense counts as none: it can only shorten or lengthen the sender's own circle. */
function hopsOf(headers: ReceivedHeaders): number {
  const text = String(headers[HOPS_HEADER] ?? '');
  return /^\d{1,4}$/.test(text) ? Number(text) : 0;
}
