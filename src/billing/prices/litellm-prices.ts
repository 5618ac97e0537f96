import type { LongContextPrices, PriceOverride, ServiceTierPrices } from '../pricing.config';

type Kind = Exclude<keyof ServiceTierPrices, 'long_context'>;

/** The fields of LiteLLM's price file, USD for one token, and ours. */
const KINDS: Readonly<Record<string, Kind>> = {
  input_cost_per_token: 'input',
  output_cost_per_token: 'output',
  cache_read_input_token_cost: 'cache_read',
  cache_creation_input_token_cost: 'cache_write_5m',
  cache_creation_input_token_cost_above_1hr: 'cache_write_1h',
  output_cost_per_reasoning_token: 'reasoning',
  input_cost_per_audio_token: 'input_audio',
  output_cost_per_audio_token: 'output_audio',
  input_cost_per_image_token: 'input_image',
  output_cost_per_image_token: 'output_image',
};

const STEP = /^(.+)_above_(\d+)k_tokens$/;
const TIER = /^(.+)_(priority|flex)$/;
const IS_PRICE = /(^|_)cost(_|$)|cost_per/;

export interface LiteLlmImport {
  readonly prices: ReadonlyMap<string, PriceOverride>;
  /** Models without a price for each token, and why. */
  readonly skipped: readonly { readonly model: string; readonly reason: string }[];
  /** Prices that have no equal here, of models that were carried over all the same. */
  readonly ignored: readonly { readonly model: string; readonly fields: readonly string[] }[];
}

/** Reads the entries of LiteLLM's `model_prices_and_context_window.json`. Never throws: what cannot be read is told. */
export function fromLiteLlmPrices(file: Readonly<Record<string, unknown>>): LiteLlmImport {
  const prices = new Map<string, PriceOverride>();
  const skipped: { model: string; reason: string }[] = [];
  const ignored: { model: string; fields: string[] }[] = [];
  for (const [model, entry] of Object.entries(file)) {
    if (model === 'sample_spec') continue;
    const read = readEntry(model, entry);
    if (typeof read === 'string') skipped.push({ model, reason: read });
    else {
      prices.set(model, read.prices);
      if (read.ignored.length > 0) ignored.push({ model, fields: read.ignored });
    }
  }
  return { prices, skipped, ignored };
}

type Stated = Partial<Record<Kind, string>>;

/** Prices of one service tier while they are collected: the ordinary ones, and those above so many tokens. */
interface Collected {
  readonly base: Stated;
  readonly steps: Map<number, Stated>;
}

const newTier = (): Collected => ({ base: {}, steps: new Map() });

function readEntry(model: string, entry: unknown): { prices: PriceOverride; ignored: string[] } | string {
  if (!isModelName(model)) return 'the name is not usable: at most 256 characters without blanks';
  if (typeof entry !== 'object' || entry === null) return 'is no entry with prices';
  const tiers = new Map<string, Collected>([['', newTier()]]);
  const fees: Pick<PriceOverride, 'web_searches_per_thousand' | 'requests_per_thousand'> = {};
  const ignored: string[] = [];
  for (const [field, value] of Object.entries(entry as Record<string, unknown>)) {
    if (!IS_PRICE.test(field) || value === null) continue;
    if (readFee(field, value, fees) || readKind(field, value, tiers)) continue;
    if (value !== 0) ignored.push(field);
  }
  const ordinary = tiers.get('') ?? newTier();
  const { input, output } = ordinary.base;
  if (input === undefined) return 'has no price for a prompt token';
  // Embeddings write nothing.
  const prices: PriceOverride = { ...ordinary.base, input, output: output ?? '0', ...fees };
  if (ordinary.steps.size > 0) prices.long_context = stepsOf(ordinary);
  tiers.delete('');
  if (tiers.size > 0) prices.service_tiers = Object.fromEntries([...tiers].map(([name, tier]) => [name, tierOf(tier)]));
  return { prices, ignored };
}

/** A search is charged by the size of its context: the dearest bounds them all. */
function readFee(field: string, value: unknown, fees: Partial<PriceOverride>): boolean {
  if (field === 'input_cost_per_request') {
    const price = scaled(value, 3);
    if (price !== null) fees.requests_per_thousand = price;
    return price !== null;
  }
  if (field !== 'search_context_cost_per_query' || typeof value !== 'object' || value === null) return false;
  const costs = Object.values(value).filter((cost): cost is number => typeof cost === 'number' && cost >= 0);
  const price = costs.length === 0 ? null : scaled(Math.max(...costs), 3);
  if (price !== null) fees.web_searches_per_thousand = price;
  return price !== null;
}

function readKind(field: string, value: unknown, tiers: Map<string, Collected>): boolean {
  const [, untiered = field, tierName = ''] = TIER.exec(field) ?? [];
  const [, plain = untiered, thousands] = STEP.exec(untiered) ?? [];
  const kind = Object.hasOwn(KINDS, plain) ? KINDS[plain] : undefined;
  const price = kind === undefined ? null : scaled(value, 6);
  if (kind === undefined || price === null) return false;
  const tier = tiers.get(tierName) ?? newTier();
  tiers.set(tierName, tier);
  if (thousands === undefined) tier.base[kind] = price;
  else {
    const above = Number(thousands) * 1_000;
    if (above < 1 || above > 100_000_000) return false;
    tier.steps.set(above, { ...tier.steps.get(above), [kind]: price });
  }
  return true;
}

const stepsOf = ({ steps }: Collected): LongContextPrices[] =>
  [...steps].sort(([a], [b]) => a - b).map(([above, kinds]) => ({ above_input_tokens: above, ...kinds }));

const tierOf = (tier: Collected): ServiceTierPrices => ({
  ...tier.base,
  ...(tier.steps.size > 0 ? { long_context: stepsOf(tier) } : {}),
});

export const isModelName = (name: string): boolean =>
  name.length > 0 && name.length <= 256 && /^[^\s\p{Cc}]+$/u.test(name) && name !== '__proto__';

const NUMBER = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i;

/** A number times a power of ten as decimal text, digit by digit: `1.5e-7` times a million is `0.15`. Null: no price. */
export function scaled(value: unknown, power: number): string | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const match = NUMBER.exec(String(value));
  if (!match) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) + power - fraction.length;
  const digits = whole + fraction;
  if (Math.abs(shift) > 60) return null;
  const padded = shift >= 0 ? digits + '0'.repeat(shift) : digits.padStart(1 - shift, '0');
  const point = shift >= 0 ? padded.length : padded.length + shift;
  const integer = padded.slice(0, point).replace(/^0+(?=\d)/, '');
  const decimals = padded.slice(point).replace(/0+$/, '');
  const text = `${integer === '' ? '0' : integer}${decimals === '' ? '' : `.${decimals}`}`;
  return Number(text) > 1_000_000 ? null : text;
}
