import { usdPerMillionToPico, type PicoUsd } from '../../core/money';
import { completePrices, ownKinds } from '../catalogue';
import type { ModelPrice, PriceTier, PriceTiers, UnitPrices } from '../model-price';
import type { KindPrices, LongContextPrices, PriceOverride, ServiceTierPrices, UsdPrice } from '../pricing.config';

type StatedKinds = KindPrices & { readonly input?: UsdPrice; readonly output?: UsdPrice };

/** Prices in decimal text, as integers. Throws `RangeError` for a text that is no price. */
export function overridePrice(id: string, prices: PriceOverride): ModelPrice {
  const base = completePrices({ ...statedKinds(prices), input: pico(prices.input), output: pico(prices.output) });
  const serviceTiers = Object.entries(prices.service_tiers ?? {}).map(([name, stated]): [string, PriceTiers] => [
    name,
    serviceTierOf(base, stated),
  ]);
  return Object.freeze<ModelPrice>({
    id,
    source: 'override',
    tiers: tiersOf(base, prices.long_context),
    ...(serviceTiers.length > 0 ? { serviceTiers: Object.freeze(Object.fromEntries(serviceTiers)) } : {}),
    ownKinds: ownKinds([prices.input_audio, prices.output_audio, prices.output_image]),
    webSearch: perThousand(prices.web_searches_per_thousand),
    request: perThousand(prices.requests_per_thousand),
  });
}

/** The prices of a service tier, over those of the ordinary one. Throws `RangeError` for a text that is no price. */
export const serviceTierOf = (base: UnitPrices, stated: ServiceTierPrices): PriceTiers =>
  tiersOf(changed(base, stated), stated.long_context);

const pico = (price: UsdPrice): PicoUsd => usdPerMillionToPico(price);

const optional = (price: UsdPrice | undefined): PicoUsd | undefined => (price === undefined ? undefined : pico(price));

/** USD for a thousand to pico-dollars for one. */
const perThousand = (price: UsdPrice | undefined): PicoUsd => (optional(price) ?? 0n) * 1_000n;

function tiersOf(base: UnitPrices, steps: readonly LongContextPrices[] = []): PriceTiers {
  const upper = steps
    .toSorted((a, b) => a.above_input_tokens - b.above_input_tokens)
    .map((step): PriceTier => Object.freeze({ aboveInputTokens: step.above_input_tokens, ...changed(base, step) }));
  return [Object.freeze({ aboveInputTokens: -1, ...base }), ...upper];
}

const statedKinds = (stated: KindPrices) => ({
  cacheRead: optional(stated.cache_read),
  cacheWrite5m: optional(stated.cache_write_5m),
  cacheWrite1h: optional(stated.cache_write_1h),
  inputAudio: optional(stated.input_audio),
  inputImage: optional(stated.input_image),
  reasoning: optional(stated.reasoning),
  outputAudio: optional(stated.output_audio),
  outputImage: optional(stated.output_image),
});

/**
 * Other prices for some kinds. A kind that had no price of its own, and so cost what its parent costs, goes on following
 * its parent.
 */
function changed(base: UnitPrices, stated: StatedKinds): UnitPrices {
  const kinds = statedKinds(stated);
  const input = optional(stated.input) ?? base.input;
  const output = optional(stated.output) ?? base.output;
  const own = (price: PicoUsd, parent: PicoUsd): PicoUsd | undefined => (price === parent ? undefined : price);
  return completePrices({
    input,
    output,
    cacheRead: kinds.cacheRead ?? own(base.cacheRead, base.input),
    cacheWrite5m: kinds.cacheWrite5m ?? own(base.cacheWrite5m, base.input),
    cacheWrite1h: kinds.cacheWrite1h ?? own(base.cacheWrite1h, base.cacheWrite5m),
    inputAudio: kinds.inputAudio ?? own(base.inputAudio, base.input),
    inputImage: kinds.inputImage ?? own(base.inputImage, base.input),
    reasoning: kinds.reasoning ?? own(base.reasoning, base.output),
    outputAudio: kinds.outputAudio ?? own(base.outputAudio, base.output),
    outputImage: kinds.outputImage ?? own(base.outputImage, base.output),
  });
}
