import fc from 'fast-check';
import type { GatewayContext } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';
import type { Asked } from './asked';
import type { CacheEntry } from './answers/cache-entry';
import { CacheLookup, type LookedUp } from './cache-lookup';
import type { CacheMode } from './cache.config';
import { CacheMetrics } from './cache.metrics';
import type { Encoders } from './encoder/encoders';
import { parseText } from './guard/parse-text';
import { SimilarQuestions } from './similar-questions';
import { entryWith } from './testing/entries';
import type { FindOptions, Found } from './store/cache.store';
import { MemoryVectorIndex } from './store/memory.vector-index';
import type { Lease } from './store/flight-lease';
import type { PatientStore } from './store/patient-store';
import { toBytes } from './store/vector-index';
import { until } from '../../test/support/until';

const QUESTION = 'What are the advantages of microservices?';
const PARAPHRASE = 'What are the benefits of using microservices?';
const OPPOSITE = 'What are the disadvantages of microservices?';
const VECTOR = Float32Array.from({ length: 16 }, (_, place) => Math.sin(place + 1));

/** All texts have one vector: what keeps them apart is the guard. */
class FakeEncoders {
  readonly name = 'fake';
  readonly isMissing = false;
  readonly asked: string[] = [];
  isHeld = false;
  isKnown = false;
  private readonly waiting: (() => void)[] = [];
  private readonly begun = new Map<string, Promise<Float32Array>>();

  constructor(readonly isLocal: boolean) {}

  begin(text: string): void {
    this.begun.set(text, this.encode(text));
  }

  encode(text: string): Promise<Float32Array> {
    const begun = this.begun.get(text);
    if (begun) return begun;
    this.asked.push(text);
    if (!this.isHeld) return Promise.resolve(VECTOR);
    return new Promise((resolve) => this.waiting.push(() => resolve(VECTOR)));
  }

  knows(): boolean {
    return this.isKnown;
  }

  release(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

class WaitingQuestions extends SimilarQuestions {
  override mayFind(): boolean {
    return true;
  }
}

interface Scene {
  readonly lookup: CacheLookup;
  readonly encoders: FakeEncoders;
  readonly metrics: MetricsRegistry;
  /** Lets the store answer. */
  readonly found: () => void;
  /** The calls of the store, and the near question that was asked for with one. */
  readonly calls: string[];
}

async function scene(
  stored: readonly string[],
  { isLocal = true, Questions = SimilarQuestions, isStoreHeld = false, lease = null as Lease | null, gone = [''] } = {},
): Promise<Scene> {
  const encoders = new FakeEncoders(isLocal);
  const index = new MemoryVectorIndex(() => 0);
  const metrics = new MetricsRegistry();
  const cacheMetrics = new CacheMetrics(metrics);
  let found = (): void => {};
  const calls: string[] = [];
  const entryOf = (id: string): CacheEntry | null =>
    gone.includes(id) ? null : entryWith({ id, text: id, scope: 'team:one', requestedModel: 'm' });
  const held = isStoreHeld ? new Promise<void>((resolve) => (found = resolve)) : Promise.resolve();
  for (const text of stored) {
    await index.upsert({ id: text, partition: 'fake:p', vector: toBytes(VECTOR), text, floor: 0, expiresAtMs: 1 });
  }
  const store = {
    find: async (_id: string, _words: string | null, { nearId }: FindOptions = {}): Promise<Found> => {
      calls.push(nearId === undefined ? 'find' : `find near ${nearId}`);
      await held;
      const near = nearId === undefined ? null : entryOf(nearId);
      return { entry: null, linked: null, alike: [], near, lease };
    },
    take: (id: string) => (calls.push('take'), Promise.resolve(entryOf(id))),
  } as unknown as PatientStore;
  const similar = new Questions(encoders as unknown as Encoders, index, cacheMetrics);
  const lookup = new CacheLookup(store, similar, cacheMetrics, { now: () => 0, monotonic: () => 0 });
  return { lookup, encoders, metrics, calls, found: () => found() };
}

const asking = (text: string, mode: CacheMode = 'balanced'): Asked =>
  ({
    request: { model: 'm' },
    controls: { maxAgeSeconds: null, staleIfErrorSeconds: null, threshold: null, noFallback: false },
    print: { id: text, exact: text, partition: 'p', text, isSingleTurn: true },
    scope: 'team:one',
    parsed: parseText(text),
    words: null,
    mode,
    isOpen: true,
    ttlSeconds: 60,
    followsLinks: false,
    staleMs: 0,
    threshold: 0.9,
  }) as unknown as Asked;

function tracing(): { context: GatewayContext; refused: () => unknown[] } {
  const traced: unknown[] = [];
  const decide = (_: string, what: string, facts: { reasons?: unknown }): void => void traced.push([what, facts]);
  return { context: { decide, defer: () => {} } as unknown as GatewayContext, refused: () => traced };
}

async function find(lookup: CacheLookup, asked: Asked, context = tracing().context): Promise<LookedUp> {
  const found = await lookup.find(context, asked);
  if (found === 'away') throw new Error('the store is there');
  return found;
}

describe('a question in other words', () => {
  it('is a miss at once when the guard refuses everything there is, and the trace says why later', async () => {
    const { lookup, encoders, metrics } = await scene([QUESTION]);
    const { context, refused } = tracing();
    encoders.isHeld = true;
    const { match, traced } = await find(lookup, asking(OPPOSITE), context);
    expect(match).toBeNull();
    // Its vector is not begun before the request has gone on.
    expect([refused(), encoders.asked]).toEqual([[], []]);
    await until(() => encoders.asked.length === 1);
    encoders.release();
    await traced;
    expect(refused()).toEqual([
      ['refused', expect.objectContaining({ entry: QUESTION, reasons: ['opposite', 'substitution'] })],
    ]);
    expect(await metrics.registry.metrics()).toContain('gateway_cache_comparisons_total{outcome="ruled_out"} 1');
  });

  it('in `conservative` mode needs no vector, and counts as neither', async () => {
    const { lookup, encoders, metrics } = await scene([QUESTION]);
    expect((await find(lookup, asking(PARAPHRASE, 'conservative'))).match).toBeNull();
    expect(encoders.asked).toEqual([]);
    expect(await metrics.registry.metrics()).not.toContain('gateway_cache_comparisons_total{');
  });

  it('waits for its vector when one of them may do', async () => {
    const { lookup, encoders, metrics } = await scene([OPPOSITE, QUESTION]);
    encoders.isHeld = true;
    let found: LookedUp | null = null;
    const finding = find(lookup, asking(PARAPHRASE)).then((result) => (found = result));
    await new Promise(setImmediate);
    expect(found).toBeNull();
    encoders.release();
    expect((await finding).match).toMatchObject({ entry: { id: QUESTION }, tier: 'semantic' });
    expect(await metrics.registry.metrics()).toContain('gateway_cache_comparisons_total{outcome="waited"} 1');
  });

  it('waits in `cosine` mode, where nothing else tells', async () => {
    const { lookup } = await scene([QUESTION]);
    expect((await find(lookup, asking(OPPOSITE, 'cosine'))).match).toMatchObject({ entry: { id: QUESTION } });
  });

  it('in a text that the guard cannot judge waits for nothing', async () => {
    const { lookup, encoders } = await scene([QUESTION]);
    encoders.isHeld = true;
    expect((await find(lookup, asking('Was ist das und wo ist die Uhr, die nicht geht?'))).match).toBeNull();
    expect((await find(lookup, asking(`${QUESTION} `.repeat(30)))).match).toBeNull();
  });

  it('has its vector begun while the store looks for the same one, when that costs nothing', async () => {
    const begun = async (options: object, text: string, stored = [QUESTION]): Promise<string[]> => {
      const { lookup, encoders, found } = await scene(stored, { isStoreHeld: true, ...options });
      const finding = find(lookup, asking(text));
      const asked = [...encoders.asked];
      found();
      await finding;
      return asked;
    };
    expect(await begun({}, PARAPHRASE)).toEqual([PARAPHRASE]);
    expect(await begun({ isLocal: false }, PARAPHRASE)).toEqual([]);
    expect(await begun({}, PARAPHRASE, [])).toEqual([]);
    expect(await begun({}, QUESTION)).toEqual([]);
  });

  it('whose vector is known is answered with one call of the store', async () => {
    const { lookup, encoders, calls, metrics } = await scene([OPPOSITE, QUESTION]);
    expect((await find(lookup, asking(PARAPHRASE))).match?.entry.id).toBe(QUESTION);
    encoders.isKnown = true;
    expect((await find(lookup, asking(PARAPHRASE))).match).toMatchObject({ entry: { id: QUESTION }, tier: 'semantic' });
    expect(calls).toEqual(['find', 'take', `find near ${QUESTION}`]);
    expect(await metrics.registry.metrics()).toContain('gateway_cache_comparisons_total{outcome="at_hand"} 1');
  });

  it('takes the next that will do when the answer of the nearest has gone', async () => {
    const other = 'Tell me what are the advantages of microservices';
    const { lookup, encoders, calls } = await scene([QUESTION, other], { gone: [QUESTION] });
    encoders.isKnown = true;
    const { context, refused } = tracing();
    expect((await find(lookup, asking(PARAPHRASE), context)).match?.entry.id).toBe(other);
    // Nothing near may also mean that there was no need to look for it: it is asked for once more.
    expect(calls).toEqual([`find near ${QUESTION}`, 'take', 'take']);
    expect(refused()).toEqual([['refused', expect.objectContaining({ entry: QUESTION, reasons: ['gone'] })]]);
  });

  it('begun before its request is admitted is looked up once, and puts nothing on record until it is asked for', async () => {
    const { lookup, calls } = await scene([QUESTION]);
    const { context, refused } = tracing();
    const asked = asking(OPPOSITE);
    const begun = lookup.begin(context, asked);
    await begun;
    expect(refused()).toEqual([]);
    const found = await lookup.find(context, asked, {}, begun);
    if (found === 'away') throw new Error('the store is there');
    await found.traced;
    expect([found.match, refused().length, calls]).toEqual([null, 1, ['find']]);
  });

  it('gives back the lease that was taken for a miss, once it has found an answer or has ended', async () => {
    const released = async (text: string): Promise<number[]> => {
      let count = 0;
      const lease: Lease = { renew: () => Promise.resolve(), release: () => Promise.resolve(void (count += 1)) };
      const { lookup } = await scene([QUESTION], { lease });
      const deferred: (() => void)[] = [];
      const defer = (giveBack: () => void): void => void deferred.push(giveBack);
      await find(lookup, asking(text), { ...tracing().context, defer } as unknown as GatewayContext);
      const early = count;
      for (const giveBack of deferred) giveBack();
      return [early, count];
    };
    expect(await released(PARAPHRASE)).toEqual([1, 1]);
    expect(await released(OPPOSITE)).toEqual([0, 1]);
  });

  it('finds what it would find if every one waited for its vector', async () => {
    const word = fc.constantFrom(
      ...'what how is the of reset router password a 2 Paris not enable disable printer new my in office'.split(' '),
    );
    const text = fc.array(word, { minLength: 1, maxLength: 7 }).map((words) => words.join(' '));
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(text, { minLength: 1, maxLength: 8 }),
        text,
        fc.boolean(),
        async (stored, asked, isKnown) => {
          const [own, waiting] = [await scene(stored), await scene(stored, { Questions: WaitingQuestions })];
          const [one, other] = [tracing(), tracing()];
          own.encoders.isKnown = isKnown;
          const found = await find(own.lookup, asking(asked), one.context);
          const expected = await find(waiting.lookup, asking(asked), other.context);
          expect(found.match?.entry.id).toBe(expected.match?.entry.id);
          await Promise.all([found.traced, expected.traced]);
          expect(one.refused()).toEqual(other.refused());
          if (found.match) hits += 1;
        },
      ),
      { numRuns: 300 },
    );
    expect(hits).toBeGreaterThan(20);
  });
});
