import { CancelSignal } from '../core/cancel-signal';
import type { GatewayContext } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';
import type { LiveAnswer } from './answers/live-answer';
import type { Asked } from './asked';
import { CacheMetrics } from './cache.metrics';
import type { Shared } from './flights';
import { SharedFlights, type Boarding } from './shared-flights';
import { EarlyLease, type Lease } from './store/flight-lease';
import type { Found } from './store/cache.store';
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
  /** What the store was asked. */
  let calls: string[];
  /** What it finds, look by look. */
  let found: Partial<Found>[];
  const store = {
    lease: (): Promise<null> => {
      calls.push('lease');
      return Promise.resolve(null);
    },
    find: (): Promise<Partial<Found> | null> => {
      calls.push('find');
      return Promise.resolve(found.shift() ?? null);
    },
  };
  beforeEach(() => {
    [calls, found] = [[], []];
    const clock = { now: () => 0, monotonic: () => performance.now() };
    const metrics = new CacheMetrics(new MetricsRegistry());
    flights = new SharedFlights(store as unknown as PatientStore, metrics, clock);
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
    const lead = await flights.board(contextWith(), asking(), null);
    if (!('flight' in lead)) throw new Error('the first one leads');
    lead.flight.begin(first);
    const boarding = flights.board(context, asked, null);
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

  /** A lease that says what was done with it. */
  const leasing = (): { lease: Lease; done: string[] } => {
    const done: string[] = [];
    const lease = {
      renew: () => Promise.resolve(void done.push('renewed')),
      release: () => Promise.resolve(void done.push('released')),
    };
    return { lease, done };
  };

  it('has the lease of the look-up, and gives it back at the end of its flight', async () => {
    const { lease, done } = leasing();
    const early = new EarlyLease(lease);
    const lead = await flights.board(contextWith(), asking(), early);
    early.release();
    expect([calls, done]).toEqual([[], []]);
    if ('flight' in lead) lead.flight.end();
    expect(done).toEqual(['released']);
  });

  it('gives the lease back when it follows another one of its process', async () => {
    const { lease, done } = leasing();
    const lead = await flights.board(contextWith(), asking(), null);
    const boarding = flights.board(contextWith(), asking({ stream: false }), new EarlyLease(lease));
    if ('flight' in lead) lead.flight.land(ENTRY);
    expect(await boarding).toMatchObject({ match: { tier: 'coalesced' } });
    expect(done).toEqual(['released']);
  });

  it('asks nobody twice who has the lease: it looks for the answer, and asks for itself once nobody has', async () => {
    const { lease, done } = leasing();
    found = [{ entry: null, lease: 'held' }, { entry: ENTRY }];
    expect(await flights.board(contextWith(), asking(), 'held')).toMatchObject({ match: { tier: 'coalesced' } });
    found = [
      { entry: null, lease: 'held' },
      { entry: null, lease },
    ];
    const lead = await flights.board(contextWith(), asking(), 'held');
    expect(calls).toEqual(['find', 'find', 'find', 'find']);
    if ('flight' in lead) lead.flight.end();
    expect(done).toEqual(['released']);
  });

  it('asks for the lease by itself where there is an answer that is not for it', async () => {
    found = [{ entry: ENTRY, lease: null }];
    const choosy = { ...asking(), scope: 'team:two' };
    expect(await flights.board(contextWith(), choosy, 'held')).toHaveProperty('flight');
    expect(calls).toEqual(['find', 'lease']);
  });

  it('takes no lease with the look-up where nobody could share the answer', () => {
    const { request, controls } = asking();
    expect(flights.leaseFor(asking())).toBeGreaterThan(1_000);
    const tools = { ...request, document: { value: { tools: [{}] } } } as unknown as Asked['request'];
    expect(flights.leaseFor({ ...asking(), request: tools })).toBeUndefined();
    expect(flights.leaseFor({ ...asking(), controls: { ...controls, onlyIfCached: true } })).toBeUndefined();
  });

  it('asks for itself when there is nothing to share', async () => {
    const lead = await flights.board(contextWith(), asking(), null);
    const boarding = flights.board(contextWith(), asking(), null);
    if ('flight' in lead) lead.flight.end();
    expect(await boarding).toHaveProperty('flight');
  });
});
