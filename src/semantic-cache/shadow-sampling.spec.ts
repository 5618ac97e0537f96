import type { GatewayContext } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';
import type { CacheEntry } from './answers/cache-entry';
import type { Asked, Match } from './asked';
import { CacheConfig, CacheShadowConfig } from './cache.config';
import { CacheMetrics } from './cache.metrics';
import type { CacheQuestions } from './cache-questions';
import type { HitRecord } from './hit-book';
import { ShadowSampling } from './shadow-sampling';
import { entryWith } from './testing/entries';
import type { WrongHits } from './wrong-hits';

const answering = (content: string, model = 'm') => {
  const { answer } = entryWith({});
  return entryWith({
    requestedModel: model,
    answer: { ...answer, value: { choices: [{ index: 0, message: { content }, finish_reason: 'stop' }] } },
  });
};
const contextOf = (costNanoUsd: bigint) =>
  ({
    attempts: { cost: () => costNanoUsd },
    decide: () => {},
    defer: (run: () => void) => run(),
  }) as unknown as GatewayContext;

describe('ShadowSampling', () => {
  let now = 0;
  let registry: MetricsRegistry;
  let metrics: CacheMetrics;
  let apart: HitRecord[] = [];
  const open = (share: number, budget?: string): ShadowSampling => {
    now = 0;
    registry = new MetricsRegistry();
    const shadow = Object.assign(new CacheShadowConfig(), { share, budget_usd_per_day: budget });
    const questions = { config: Object.assign(new CacheConfig(), { shadow }) } as CacheQuestions;
    metrics = new CacheMetrics(registry);
    apart = [];
    const wrongHits = { keepApart: (hit: HitRecord) => Promise.resolve(void apart.push(hit)) } as unknown as WrongHits;
    return new ShadowSampling(questions, wrongHits, metrics, { now: () => now, monotonic: () => now }, registry);
  };
  const askedBy = (teamId: string): Asked =>
    ({ identity: { teamId }, print: { id: 'asked' }, scope: 'team:one' }) as unknown as Asked;
  const matchOf = (entry: CacheEntry): Match => ({ entry, tier: 'semantic', similarity: 0.9 });
  const match = matchOf(answering('x'));

  it('checks nothing without a budget, and no hit of the same question', () => {
    expect(open(1).wants(match)).toBe(false);
    expect(open(0, '1').wants(match)).toBe(false);
    expect(open(1, '1').wants({ ...match, tier: 'canonical' })).toBe(false);
    expect(open(1, '1').wants(match)).toBe(true);
    expect(open(1, '1').wants({ ...match, tier: 'alias' })).toBe(true);
  });

  it('keeps questions apart whose hit was wrong, and no others', () => {
    const sampling = open(1, '1');
    const [right, wrong] = [answering('Paris is the capital.'), answering('Whales breathe air.')];
    sampling.compare(contextOf(1n), askedBy('team_a'), { ...matchOf(right), tier: 'alias' }, right);
    expect(apart).toEqual([]);
    sampling.compare(contextOf(1n), askedBy('team_a'), { ...matchOf(wrong), tier: 'alias' }, right);
    const hit = { entryId: wrong.id, askedId: 'asked', scope: 'team:one', tier: 'alias', similarity: 0.9 };
    expect(apart).toEqual([hit]);
  });

  it('stops when the budget of the day is spent, and goes on the next day', () => {
    const sampling = open(1, '0.000001');
    expect(sampling.wants(match)).toBe(true);
    sampling.charge(contextOf(1_000n));
    expect(sampling.wants(match)).toBe(false);
    now += 86_400_000;
    expect(sampling.wants(match)).toBe(true);
    expect(metrics.counts().spentNanoUsd).toEqual({ embeddings: 0n, shadow: 1_000n, judge: 0n });
  });

  it('keeps teams and models apart, and shows the rate with its interval', async () => {
    const sampling = open(1, '1');
    const [right, wrong] = [answering('Paris is the capital.'), answering('Whales breathe air.')];
    for (let time = 0; time < 3; time += 1) sampling.compare(contextOf(1n), askedBy('team_a'), matchOf(right), right);
    sampling.compare(contextOf(1n), askedBy('team_a'), matchOf(wrong), right);
    sampling.compare(contextOf(1n), askedBy('team_b'), matchOf(right), right);
    expect(sampling.rows).toEqual([
      { teamId: 'team_a', model: 'm', right: 3, wrong: 1, unsure: 0 },
      { teamId: 'team_b', model: 'm', right: 1, wrong: 0, unsure: 0 },
    ]);
    const text = await registry.expose();
    expect(text).toContain('gateway_cache_false_hit_rate{team="team_a",model="m",bound="estimate"} 0.25');
    expect(text).toContain('gateway_cache_checks_total{team="team_a",model="m",verdict="right"} 3');
    expect(text).toContain('gateway_cache_checks_total{team="team_a",model="m",verdict="wrong"} 1');
    // Wilson's interval of 1 in 4, computed by hand: 0.0456 to 0.6994.
    expect(text).toMatch(/team="team_a",model="m",bound="low"\} 0\.045/);
    expect(text).toMatch(/team="team_a",model="m",bound="high"\} 0\.699/);
  });

  it('counts what comes after many rows together', () => {
    const sampling = open(1, '1');
    for (let team = 0; team < 600; team += 1)
      sampling.compare(contextOf(0n), askedBy(`team_${team}`), match, match.entry);
    expect(sampling.rows).toHaveLength(501);
    expect(sampling.rows.at(-1)).toMatchObject({ teamId: 'other', right: 100 });
  });
});
