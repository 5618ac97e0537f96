import type { UsageAttempt, UsageRequest } from '../../../billing';
import type { Decision } from '../../../core/context';
import { parseUsd } from '../../../core/money';
import { showCount, showMs, showUsd } from '../render/format';

const STAGES: Readonly<Record<Decision['stage'], string>> = {
  access: 'Identity',
  request: 'Request',
  rate_limit: 'Limits',
  idempotency: 'Same request',
  cache: 'Cache',
  route: 'Route',
  price: 'Price',
  budget: 'Budget',
  attempt: 'Attempt',
  reply: 'Reply',
};

/** Shorter bars cannot be seen. */
const MIN_WIDTH = 0.6;

/** Everything that was decided for a request, on one time line of 100 units. */
export function traceOf(request: UsageRequest, attempts: readonly UsageAttempt[]) {
  const decisions = withPrices(request.decisions ?? [], attempts, request.startedAt.getTime());
  const startedMs = request.startedAt.getTime();
  const ends = [
    request.latencyMs ?? 0,
    ...decisions.map(({ atMs }) => atMs),
    ...attempts.map((attempt) => attempt.startedAt.getTime() - startedMs + (attempt.latencyMs ?? 0)),
  ];
  const totalMs = Math.max(1, ...ends);
  const place = (fromMs: number, lengthMs: number) => {
    const width = Math.max(MIN_WIDTH, (Math.max(0, lengthMs) / totalMs) * 100);
    return { x: percent(Math.min(Math.max(0, (fromMs / totalMs) * 100), 100 - width)), width: percent(width) };
  };
  return {
    total: showMs(totalMs),
    ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => ({ x: percent(share * 100), label: showMs(share * totalMs) })),
    steps: decisions.map((decision) => ({ ...stepOf(decision), ...place(...spanOf(decision)) })),
    attempts: attempts.map((attempt) => ({
      ...attemptOf(attempt),
      ...place(attempt.startedAt.getTime() - startedMs, attempt.latencyMs ?? 0),
    })),
    figures: figuresOf(request),
  };
}

/**
 * What each attempt was priced at, before the budget paid for it: it is on record with the attempt, not in the trace.
 */
function withPrices(decisions: readonly Decision[], attempts: readonly UsageAttempt[], startedMs: number): Decision[] {
  const steps = [...decisions];
  for (const attempt of attempts) {
    const outcome = steps.findIndex(({ stage, facts }) => stage === 'attempt' && facts['index'] === attempt.index);
    const after = outcome < 0 ? steps.length : outcome;
    const paid = steps.slice(0, after).findLastIndex(({ stage }) => stage === 'budget');
    const at = paid < 0 ? after : paid;
    const atMs = steps[paid]?.atMs ?? Math.max(0, attempt.startedAt.getTime() - startedMs);
    steps.splice(at, 0, { atMs, stage: 'price', what: 'priced', facts: priceFacts(attempt) });
  }
  return steps;
}

function priceFacts(attempt: UsageAttempt): Decision['facts'] {
  const perMillion = (pico: bigint): string => showUsd(pico * 1_000n);
  return {
    target: `${attempt.provider}/${attempt.model}`,
    price: `${attempt.priceId} (${attempt.priceSource})`,
    'input, a million': perMillion(attempt.inputPricePico),
    'output, a million': perMillion(attempt.outputPricePico),
    charged: showUsd(attempt.costNanoUsd),
  };
}

/** A decision is a moment, or, when it says how long it took, what ended at that moment. */
function spanOf({ atMs, facts }: Decision): [number, number] {
  const { tookMs } = facts;
  return typeof tookMs === 'number' ? [atMs - tookMs, tookMs] : [atMs, 0];
}

function stepOf({ atMs, stage, what, facts }: Decision) {
  return {
    stage: STAGES[stage],
    what: words(what),
    at: showMs(atMs),
    tone: stage === 'attempt' ? attemptTone(what) : 'quiet',
    facts: Object.entries(facts)
      .filter(([, value]) => !isTable(value))
      .map(([name, value]) => ({ name: labelOf(name), value: figureText(name, value) ?? factText(value) })),
    tables: Object.entries(facts).flatMap(([name, value]) => (isTable(value) ? [tableOf(words(name), value)] : [])),
  };
}

const GOOD = new Set(['answered', 'succeeded']);
const attemptTone = (what: string): string => (GOOD.has(what) ? 'good' : 'bad');

function attemptOf(attempt: UsageAttempt) {
  return {
    index: attempt.index,
    target: `${attempt.provider}/${attempt.model}`,
    served: attempt.servedModel,
    status: attempt.status,
    tone: attemptTone(attempt.status),
    http: attempt.httpStatus,
    // That the status was no success says the status.
    error: attempt.error === `http_${attempt.httpStatus ?? ''}` ? null : attempt.error,
    latency: showMs(attempt.latencyMs),
    firstByte: showMs(attempt.ttfbMs),
    inputTokens: attempt.inputTokens,
    outputTokens: attempt.outputTokens,
    cost: attempt.costNanoUsd,
    source: attempt.usageSource,
    price: `${attempt.priceId} (${attempt.priceSource})`,
  };
}

function figuresOf(request: UsageRequest) {
  const tokens: [string, number][] = [
    ['Input', request.inputTokens],
    ['of it read from the provider’s cache', request.cacheReadTokens],
    ['of it written to the provider’s cache', request.cacheWrite5mTokens + request.cacheWrite1hTokens],
    ['Output', request.outputTokens],
    ['of it reasoning', request.reasoningTokens],
  ];
  return tokens
    .filter(([label, count]) => count > 0 || !label.startsWith('of it'))
    .map(([label, count]) => ({ label, count }));
}

const percent = (value: number): string => `${Math.round(value * 100) / 100}%`;

const words = (name: string): string =>
  name
    .replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
    .replaceAll('_', ' ');

const USD = /_usd$/;
const MS = /Ms$/;

/** What is an amount or a time says so in its name; a person is shown the unit with the figure. */
const labelOf = (name: string): string => words(name.replace(USD, '').replace(MS, ''));

/** Null: neither an amount nor a time. */
function figureText(name: string, value: unknown): string | null {
  if (USD.test(name) && (typeof value === 'string' || typeof value === 'number') && Number.isFinite(Number(value))) {
    return showUsd(parseUsd(Number(value).toFixed(9)));
  }
  return MS.test(name) && typeof value === 'number' ? showMs(value) : null;
}

function factText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(' → ');
  return isFlat(value) ? flatText(value) : (JSON.stringify(value) ?? '');
}

type Flat = Record<string, string | number | boolean | null>;

const isTable = (value: unknown): value is Flat[] => Array.isArray(value) && value.length > 0 && value.every(isFlat);

/** The database keeps members in an order of its own: who comes first, then what was allowed, used and left. */
const ORDER = [
  'scope',
  'budget',
  'resource',
  'period',
  'limit',
  'limit_usd',
  'used',
  'spent_usd',
  'held_usd',
  'remaining',
  'left_usd',
];
const rankOf = (column: string): number => (ORDER.indexOf(column) + ORDER.length + 1) % (ORDER.length + 1);

/** Candidates and levels, one a line: a column for each thing that is said of any of them. */
function tableOf(name: string, rows: readonly Flat[]) {
  const isNamed = rows.some(({ provider }) => provider !== undefined);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    .filter((column) => column !== 'id' && !(isNamed && (column === 'provider' || column === 'model')))
    .sort((left, right) => rankOf(left) - rankOf(right));
  return {
    name,
    columns: [...(isNamed ? ['target'] : []), ...columns.map(labelOf)],
    rows: rows.map((row) => [
      ...(isNamed ? [{ label: 'target', value: `${String(row['provider'])}/${String(row['model'] ?? '')}` }] : []),
      ...columns.map((column) => ({
        label: labelOf(column),
        value: figureText(column, row[column]) ?? cellText(row[column]),
      })),
    ]),
  };
}

function cellText(value: Flat[string] | undefined): string {
  if (value === undefined || value === null) return '–';
  if (typeof value === 'number')
    return Number.isInteger(value) ? showCount(value) : String(Math.round(value * 1e4) / 1e4);
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
}

const isFlat = (value: unknown): value is Flat =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((inner) => typeof inner !== 'object' || inner === null);

/** `openai/gpt-4o (score 0, strategy priority)`. */
function flatText(fields: Flat): string {
  const { provider, model, ...rest } = fields;
  const details = Object.entries(rest)
    .filter(([name, value]) => value !== null && name !== 'id')
    .map(([name, value]) => `${words(name)} ${String(value)}`)
    .join(', ');
  if (provider === undefined) return details;
  return `${String(provider)}/${String(model ?? '')}${details === '' ? '' : ` (${details})`}`;
}
