import { MAX_STEP_TOKENS, type LongContextPrices, type PriceOverride, type ServiceTierPrices } from '../pricing.config';

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
  const ignored = Object.entries(entry)
    .filter(([field, value]) => IS_PRICE.test(field) && value !== null)
    .filter(([field, value]) => !readFee(field, value, fees) && !readKind(field, value, tiers) && value !== 0)
    .map(([field]) => field);
  const prices = assemble(tiers, fees);
  if (prices !== null) return { prices: Object.assign(prices, limitsOf(entry)), ignored };
  const [unusable] = ignored.filter((field) => KINDS[field] === 'input');
  return unusable === undefined
    ? 'has no price for a prompt token'
    : `the price of a prompt token is not usable: ${unusable} must be a number from 0 to 1`;
}

/** How much a model reads and writes, where the file says so: a call without a bound is reserved by it. */
function limitsOf(entry: object): Pick<PriceOverride, 'context_window' | 'max_output_tokens'> {
  const read = (field: string): number | null => {
    const value: unknown = (entry as Readonly<Record<string, unknown>>)[field];
    return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_STEP_TOKENS
      ? value
      : null;
  };
  const [window, longest] = [read('max_input_tokens'), read('max_output_tokens')];
  return {
    ...(window === null ? {} : { context_window: window }),
    ...(longest === null ? {} : { max_output_tokens: longest }),
  };
}

function assemble(tiers: Map<string, Collected>, fees: Partial<PriceOverride>): PriceOverride | null {
  const ordinary = tiers.get('') ?? newTier();
  const { input, output } = ordinary.base;
  if (input === undefined) return null;
  // Embeddings write nothing.
  const prices: PriceOverride = { ...ordinary.base, input, output: output ?? '0', ...fees };
  if (ordinary.steps.size > 0) prices.long_context = stepsOf(ordinary);
  const others = [...tiers].filter(([name]) => name !== '');
  if (others.length > 0) prices.service_tiers = Object.fromEntries(others.map(([name, tier]) => [name, tierOf(tier)]));
  return prices;
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

/** What a field is the price of; null for a field that is none of these. */
function kindOf(field: string): { kind: Kind; tierName: string; above: number | null } | null {
  const [, untiered = field, tierName = ''] = TIER.exec(field) ?? [];
  const [, plain = untiered, thousands] = STEP.exec(untiered) ?? [];
  const kind = Object.hasOwn(KINDS, plain) ? KINDS[plain] : undefined;
  const above = thousands === undefined ? null : Number(thousands) * 1_000;
  if (kind === undefined || (above !== null && (above < 1 || above > MAX_STEP_TOKENS))) return null;
  return { kind, tierName, above };
}

function readKind(field: string, value: unknown, tiers: Map<string, Collected>): boolean {
  const told = kindOf(field);
  const price = told && scaled(value, 6);
  if (!told || price === null) return false;
  const { kind, tierName, above } = told;
  const tier = tiers.get(tierName) ?? newTier();
  tiers.set(tierName, tier);
  if (above === null) tier.base[kind] = price;
  else tier.steps.set(above, { ...tier.steps.get(above), [kind]: price });
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

/** More digits than any price has, in either direction. */
const MAX_SHIFT = 60;
/** USD for a million tokens; a larger figure is a mistaken unit. */
const MAX_PRICE = 1_000_000;
const NUMBER = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i;

/** A number times a power of ten as decimal text, digit by digit: `1.5e-7` times a million is `0.15`. Null: no price. */
export function scaled(value: unknown, power: number): string | null {
  const match = typeof value === 'number' || typeof value === 'string' ? NUMBER.exec(String(value)) : null;
  if (!match) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) + power - fraction.length;
  if (Math.abs(shift) > MAX_SHIFT) return null;
  const digits = (whole + fraction).padEnd(whole.length + fraction.length + Math.max(0, shift), '0');
  const decimals = Math.max(0, -shift);
  const padded = digits.padStart(decimals + 1, '0');
  const integer = padded.slice(0, padded.length - decimals).replace(/^0+(?=\d)/, '');
  const rest = padded.slice(padded.length - decimals).replace(/0+$/, '');
  const text = rest === '' ? integer : `${integer}.${rest}`;
  return Number(text) > MAX_PRICE ? null : text;
}
