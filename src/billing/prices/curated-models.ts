import type { ModelPrice, PriceTier, PriceTiers } from '../model-price';
import type { CuratedModel, ModelsFile } from './models-file';
import { serviceTierOf } from './override-price';

const VENDORS = ['openai', 'anthropic'] as const;
type Vendor = (typeof VENDORS)[number];

/** A version of a model: `-2024-11-20`, `-20250514`, `-latest`. */
const VERSION = /-(?:20\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|latest)$/;

/** OpenAI sells one tier under both names (https://openai.com/api-fast-mode). */
const OTHER_NAMES: Readonly<Record<Vendor, Readonly<Record<string, string>>>> = {
  openai: { priority: 'fast' },
  anthropic: {},
};

/** What the curated file says, by name. */
export class CuratedModels {
  private readonly byVendor: ReadonlyMap<string, ReadonlyMap<string, CuratedModel>>;
  private readonly priced = new WeakMap<ModelPrice, Map<CuratedModel, ModelPrice>>();

  constructor(readonly file: ModelsFile) {
    this.byVendor = new Map(VENDORS.map((vendor) => [vendor, namesOf(file[vendor])]));
  }

  /** Of a vendor's own model: by its exact name, else without its version. */
  find(vendor: string, model: string): CuratedModel | null {
    const models = this.byVendor.get(vendor);
    if (!models) return null;
    const name = model.toLowerCase().trim();
    return models.get(name) ?? models.get(name.replace(VERSION, '')) ?? null;
  }

  /** By the name alone. */
  findAny(model: string): CuratedModel | null {
    for (const vendor of VENDORS) {
      const found = this.find(vendor, model);
      if (found) return found;
    }
    return null;
  }

  /** A listed price with the service tiers of the file. `id`: of the price list, `openai/gpt-4o`. */
  withServiceTiers(price: ModelPrice, id: string, model: string): ModelPrice {
    const vendor = VENDORS.find((known) => id.startsWith(`${known}/`));
    const curated = vendor && this.find(vendor, model);
    if (!vendor || !curated || Object.keys(curated.service_tiers).length === 0) return price;
    const known = this.priced.get(price) ?? new Map<CuratedModel, ModelPrice>();
    this.priced.set(price, known);
    let found = known.get(curated);
    if (!found) known.set(curated, (found = tiered(price, curated, OTHER_NAMES[vendor])));
    return found;
  }
}

function namesOf(models: Readonly<Record<string, CuratedModel>>): Map<string, CuratedModel> {
  const named = Object.entries(models).flatMap(([name, model]) =>
    [name, ...model.aliases].map((each) => [each.toLowerCase(), model] as const),
  );
  return new Map(named);
}

function tiered(price: ModelPrice, curated: CuratedModel, otherNames: Readonly<Record<string, string>>): ModelPrice {
  const [base, ...steps] = price.tiers;
  const serviceTiers = new Map<string, PriceTiers>();
  for (const [name, stated] of Object.entries(curated.service_tiers)) {
    const own = serviceTierOf(base, stated);
    const tiers = stated.long_context === undefined ? withLongPrompts(own, steps) : own;
    serviceTiers.set(name, tiers);
    const other = otherNames[name];
    if (other !== undefined && !(other in curated.service_tiers)) serviceTiers.set(other, tiers);
  }
  return Object.freeze({ ...price, serviceTiers: Object.freeze(Object.fromEntries(serviceTiers)) });
}

/** A tier that says nothing of long prompts: they cost what they cost ordinarily, and no less than short ones in this tier. */
function withLongPrompts([own]: PriceTiers, steps: readonly PriceTier[]): PriceTiers {
  const dearer = (kind: Exclude<keyof PriceTier, 'aboveInputTokens'>, step: PriceTier): bigint =>
    step[kind] > own[kind] ? step[kind] : own[kind];
  const upper = steps.map((step): PriceTier =>
    Object.freeze({
      aboveInputTokens: step.aboveInputTokens,
      input: dearer('input', step),
      cacheRead: dearer('cacheRead', step),
      cacheWrite5m: dearer('cacheWrite5m', step),
      cacheWrite1h: dearer('cacheWrite1h', step),
      inputAudio: dearer('inputAudio', step),
      inputImage: dearer('inputImage', step),
      output: dearer('output', step),
      reasoning: dearer('reasoning', step),
      outputAudio: dearer('outputAudio', step),
      outputImage: dearer('outputImage', step),
    }),
  );
  return [own, ...upper];
}
