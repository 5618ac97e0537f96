import { CancelSignal } from '../core/cancel-signal';
import type { GatewayContext } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';
import type { LiveAnswer } from './answers/live-answer';
import type { Asked } from './asked';
import { CacheMetrics } from './cache.metrics';
import type { Shared } from './flights';
import { SharedFlights, type Boarding } from './shared-flights';
import { LoneFlightLeases } from './store/flight-leases';
import type { PatientStore } from './store/patient-store';
import { entryWith } from './testing/entries';

const ENTRY = entryWith({ id: 'q', exact: 'q', expiresAtMs: 60_000 });
const LIVE = { follow: () => ({ reply: { kind: 'stream' }, leave: () => {} }) } as unknown as LiveAnswer;
const shared = (change: Partial<Shared> = {}): Shared => ({
  live: LIVE,
  origin: { provider: 'p', model: 'm', fallback: false },
  outputBound: undefined,
  cost: () => 5n,
  ...change,
});

describe('a request that comes while the same one is answered', () => {
  let flights: SharedFlights;
  beforeEach(() => {
    const clock = { now: () => 0, monotonic: () => performance.now() };
    const metrics = new CacheMetrics(new MetricsRegistry());
    flights = new SharedFlights(new LoneFlightLeases(), {} as PatientStore, metrics, clock);
  });

  const contextWith = (change: object = {}): GatewayContext =>
    ({ signal: new CancelSignal(), upstreamMs: 0, defer: () => {}, ...change }) as unknown as GatewayContext;
  const asking = ({ stream = true, noFallback = false } = {}): Asked =>
    ({
      request: { stream, model: 'm', includeUsage: false, document: { value: {} } },
      controls: { maxAgeSeconds: null, noFallback },
      print: { id: 'q', exact: 'q' },
      scope: 'team:one',
      ttlSeconds: 60,
    }) as unknown as Asked;
  const boardAs = async (first: Shared, asked: Asked, context: GatewayContext): Promise<Boarding> => {
    const lead = await flights.board(contextWith(), asking());
    if (!('flight' in lead)) throw new Error('the first one leads');
    lead.flight.begin(first);
    const boarding = flights.board(context, asked);
    setImmediate(() => lead.flight.land(ENTRY));
    return boarding;
  };

  it('has a stream as it comes', async () => {
    const boarding = await boardAs(shared(), asking(), contextWith());
    expect(boarding).toMatchObject({ following: { reply: { kind: 'stream' }, origin: { provider: 'p' } } });
  });

  it.each<[string, Partial<Shared>, Asked, object]>([
    ['is no stream', {}, asking({ stream: false }), {}],
    ['has a bound on its time', {}, asking(), { timeoutMs: 60_000 }],
    ['has another bound on its answer', { outputBound: 100 }, asking(), { outputBound: 200 }],
    [
      'takes no answer of a fallback, and this seems to be one',
      { origin: { provider: 'p', model: 'm', fallback: true } },
      asking({ noFallback: true }),
      {},
    ],
    [
      'comes too late to have it from its beginning',
      { live: { follow: () => null } as unknown as LiveAnswer },
      asking(),
      {},
    ],
  ])('waits for all of it when it %s', async (_, first, asked, more) => {
    expect(await boardAs(shared(first), asked, contextWith(more))).toMatchObject({
      match: { entry: { id: 'q' }, tier: 'coalesced' },
    });
  });

  it('asks for itself when there is nothing to share', async () => {
    const lead = await flights.board(contextWith(), asking());
    const boarding = flights.board(contextWith(), asking());
    if ('flight' in lead) lead.flight.end();
    expect(await boarding).toHaveProperty('flight');
  });
});
