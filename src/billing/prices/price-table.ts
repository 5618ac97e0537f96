import { createHash } from 'node:crypto';
import type { TargetName } from '../../core/context';
import { UnpriceableError } from '../../core/errors';
import type { ModelFacts } from '../../core/model-facts';
import type { ModelPrice } from '../model-price';
import type { PriceOverride, PricingConfig } from '../pricing.config';
import type { CatalogueSearch } from './catalogue-search';
import { overridePrice } from './override-price';

export interface PricedTarget extends TargetName {
  readonly providerType: string;
}

/** A price that somebody stated and that wins over the price list. */
export interface StatedPrice {
  /** `model` or `provider/model`. */
  readonly model: string;
  readonly prices: PriceOverride;
  /** `config`: the configuration file; the others are stored. */
  readonly source: 'config' | 'api' | 'import';
  /** Of a stored one; grows with every change. */
  readonly version: string | null;
  readonly since: Date | null;
}

/** Charged for an unpriced model of a kind of provider without a price list: those of the dearest common models (USD per million). */
const DEFAULT_ESTIMATE: PriceOverride = { input: '15', output: '75' };

/** The longest answer of a call that names no bound, to a model whose longest answer is not known: none writes less. */
const UNKNOWN_ANSWER_TOKENS = 4_096;
/** A shorter bound is refused by OpenAI's Responses. */
const LEAST_ANSWER_TOKENS = 16;
/** Of an estimated prompt, in percent: a provider may count so much more. */
const PROMPT_MARGIN_PERCENT = 125;

const FREE: ModelPrice = Object.freeze<ModelPrice>({
  ...overridePrice('free', { input: '0', output: '0' }),
  source: 'free',
});

/** What every model costs, at one moment. Immutable: a request that keeps its table is charged by it to its end. */
export class PriceTable {
  /** Changes when any price changes; recorded with every charge. */
  readonly version: string;
  private readonly overrides: ReadonlyMap<string, ModelPrice>;
  private readonly statedByName: ReadonlyMap<string, StatedPrice>;

  /** Of two stated prices of a name the later in the list wins. */
  constructor(
    private readonly search: CatalogueSearch,
    readonly stated: readonly StatedPrice[],
    private readonly policy: Pick<PricingConfig, 'unknown' | 'unbounded_answer_tokens'>,
    listHash: string,
  ) {
    this.statedByName = new Map(stated.map((price) => [price.model, price]));
    this.overrides = new Map(stated.map(({ model, prices }) => [model, overridePrice(model, prices)]));
    this.version = hashOf([listHash, [...this.overrides], policy.unknown]);
  }

  /** The price in force for a target at a time, or null when none is known. */
  find(target: PricedTarget, atMs: number): ModelPrice | null {
    const override = this.overrides.get(`${target.provider}/${target.model}`) ?? this.overrides.get(target.model);
    return override ?? this.search.priceOf(target, atMs);
  }

  /** What is known of a target beside its price. */
  facts(target: PricedTarget): ModelFacts {
    const stated = this.statedByName.get(`${target.provider}/${target.model}`) ?? this.statedByName.get(target.model);
    const listed = this.search.factsOf(target);
    if (!stated) return listed;
    const { context_window: contextWindow, max_output_tokens: maxOutputTokens } = stated.prices;
    return {
      contextWindow: contextWindow ?? listed.contextWindow,
      maxOutputTokens: maxOutputTokens ?? listed.maxOutputTokens,
      capabilities: listed.capabilities,
    };
  }

  /** The bound on the answer of a call that names none: what the model writes at most, what policy allows, and what fits beside the prompt. */
  answerBound(target: PricedTarget, estimatedInputTokens: number): number {
    const { contextWindow, maxOutputTokens } = this.facts(target);
    const prompt = Math.ceil((estimatedInputTokens * PROMPT_MARGIN_PERCENT) / 100);
    const room = contextWindow === null ? Infinity : contextWindow - prompt;
    const longest =
      maxOutputTokens === null ? UNKNOWN_ANSWER_TOKENS : Math.min(maxOutputTokens, this.policy.unbounded_answer_tokens);
    return Math.max(LEAST_ANSWER_TOKENS, Math.min(longest, room));
  }

  /** The price to charge, by the policy for unknown ones. Throws `UnpriceableError` under `pricing.unknown: block`. */
  quote(target: PricedTarget, atMs: number): ModelPrice {
    const price = this.find(target, atMs);
    if (price) return price;
    if (this.policy.unknown === 'block') throw new UnpriceableError(target.provider, target.model);
    if (this.policy.unknown === 'free') return FREE;
    return (
      this.search.dearestOf(target.providerType) ?? {
        ...overridePrice(`estimate/${target.providerType}`, DEFAULT_ESTIMATE),
        source: 'estimate',
      }
    );
  }
}

export function hashOf(content: unknown): string {
  const text = JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
