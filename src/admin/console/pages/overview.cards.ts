import type { Bucket, Figures, Times } from '../data/usage-figures';
import { changeOf, showCompact, showMs, showShare, showUsd } from '../render/format';
import { sparklineOf } from '../render/sparkline';

/** Whether more of a figure is good, bad, or just more. */
type Sense = 'good' | 'bad' | 'neutral';

interface Card {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly change: { readonly text: string; readonly direction: string; readonly tone: string } | null;
  readonly sparkline?: string;
}

/** The figures at the top of the overview, each compared with the period before. */
export function cardsOf(now: Figures & Times, before: Figures & Times, series: readonly Bucket[]): Card[] {
  const line = (pick: (bucket: Bucket) => number): string => sparklineOf(series.map(pick));
  const tokens = now.inputTokens + now.outputTokens;
  return [
    {
      label: 'Spend',
      value: showUsd(now.costNanoUsd),
      note: 'charged by providers',
      change: compare(Number(now.costNanoUsd), Number(before.costNanoUsd), 'neutral'),
      sparkline: line(({ costNanoUsd }) => Number(costNanoUsd)),
    },
    {
      label: 'Requests',
      value: showCompact(now.requests),
      note: `${showCompact(now.requests - now.errors)} answered`,
      change: compare(now.requests, before.requests, 'neutral'),
      sparkline: line(({ requests }) => requests),
    },
    {
      label: 'Tokens',
      value: showCompact(tokens),
      note: `${showCompact(now.inputTokens)} in · ${showCompact(now.outputTokens)} out`,
      change: compare(tokens, before.inputTokens + before.outputTokens, 'neutral'),
      sparkline: line(({ inputTokens, outputTokens }) => inputTokens + outputTokens),
    },
    {
      label: 'Error rate',
      value: showShare(now.errors, now.requests),
      note: `${showCompact(now.errors)} failed`,
      change: compare(rate(now.errors, now.requests), rate(before.errors, before.requests), 'bad'),
      sparkline: line(({ errors }) => errors),
    },
    {
      label: 'Latency',
      value: showMs(now.latencyP50Ms),
      note: `median; 95% within ${showMs(now.latencyP95Ms)}`,
      change: compare(now.latencyP50Ms ?? 0, before.latencyP50Ms ?? 0, 'bad'),
    },
    {
      label: 'Time to first token',
      value: showMs(now.firstByteP50Ms),
      note: 'median, until the client had it',
      change: compare(now.firstByteP50Ms ?? 0, before.firstByteP50Ms ?? 0, 'bad'),
    },
    {
      label: 'From the cache',
      value: showShare(now.cacheHits, now.requests),
      note: `${showUsd(now.savedNanoUsd)} saved`,
      change: compare(rate(now.cacheHits, now.requests), rate(before.cacheHits, before.requests), 'good'),
    },
    {
      label: 'Fallback rate',
      value: showShare(now.fallbacks, now.requests),
      note: `${showCompact(now.fallbacks)} answered by another provider`,
      change: compare(rate(now.fallbacks, now.requests), rate(before.fallbacks, before.requests), 'bad'),
    },
  ];
}

const rate = (part: number, all: number): number => (all === 0 ? 0 : part / all);

function compare(now: number, before: number, more: Sense): Card['change'] {
  const change = changeOf(now, before);
  if (!change) return null;
  if (change.direction === 'flat' || more === 'neutral') return { ...change, tone: 'quiet' };
  return { ...change, tone: (change.direction === 'up') === (more === 'good') ? 'good' : 'bad' };
}
