import type { CacheCounts, CacheExpense, CacheTier } from './cache.metrics';
import type { PrecisionRow } from './shadow-sampling';
import type { NamedCounts } from './store/count.store';

/** All that is counted. */
export interface Counted {
  readonly counts: CacheCounts;
  /** Semantic hits that were checked, by team and model. */
  readonly checked: readonly PrecisionRow[];
}

const TIERS: readonly CacheTier[] = ['exact', 'canonical', 'coalesced', 'alias', 'semantic'];
const EXPENSES: readonly CacheExpense[] = ['embeddings', 'shadow', 'judge'];
const VERDICTS = ['right', 'wrong', 'unsure'] as const;

/** Each count under a name of its own. A team has no space in its name; a model may. */
export function toNamed({ counts, checked }: Counted): NamedCounts {
  const { hits, misses, bypasses, stale, right, wrong, savedNanoUsd, spentNanoUsd, judged } = counts;
  const numbers = { misses, bypasses, stale, right, wrong };
  return new Map<string, bigint>([
    ...Object.entries(numbers).map(([name, count]) => [name, BigInt(count)] as const),
    ...TIERS.map((tier) => [`hits ${tier}`, BigInt(hits[tier])] as const),
    ...EXPENSES.map((on) => [`spent ${on}`, spentNanoUsd[on]] as const),
    ['saved', savedNanoUsd],
    ...Object.entries(judged).map(([outcome, count]) => [`judged ${outcome}`, BigInt(count)] as const),
    ...checked.flatMap((row) =>
      VERDICTS.map((verdict) => [`checked ${verdict} ${row.teamId} ${row.model}`, BigInt(row[verdict])] as const),
    ),
  ]);
}

export function fromNamed(named: NamedCounts): Counted {
  const exact = (name: string): bigint => named.get(name) ?? 0n;
  const count = (name: string): number => Number(exact(name));
  const each = <K extends string, V>(keys: readonly K[], valueOf: (key: K) => V): Record<K, V> =>
    Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as Record<K, V>;
  const under = (first: string): string[] =>
    [...named.keys()].filter((name) => name.startsWith(first)).map((name) => name.slice(first.length));
  const rows = new Set(VERDICTS.flatMap((verdict) => under(`checked ${verdict} `)));
  return {
    counts: {
      hits: each(TIERS, (tier) => count(`hits ${tier}`)),
      ...each(['misses', 'bypasses', 'stale', 'right', 'wrong'], count),
      savedNanoUsd: exact('saved'),
      spentNanoUsd: each(EXPENSES, (on) => exact(`spent ${on}`)),
      judged: each(under('judged '), (outcome) => count(`judged ${outcome}`)),
    },
    checked: [...rows].map((row) => ({
      teamId: row.slice(0, row.indexOf(' ')),
      model: row.slice(row.indexOf(' ') + 1),
      ...each(VERDICTS, (verdict) => count(`checked ${verdict} ${row}`)),
    })),
  };
}

/** What has been added to `before` since; what has not changed is left out. */
export const since = (before: NamedCounts, now: NamedCounts): NamedCounts =>
  new Map(
    [...now]
      .map(([name, count]) => [name, count - (before.get(name) ?? 0n)] as const)
      .filter(([, count]) => count !== 0n),
  );
