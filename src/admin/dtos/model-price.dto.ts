import type { ModelPrice, PriceTier, PriceTiers } from '../../billing';
import { formatUsdPerMillion } from '../../core/money';

/** All prices of a model in USD per million tokens, those that follow from others included. */
export function fromModelPrice({ tiers, serviceTiers, webSearch, request }: ModelPrice) {
  const named = Object.entries(serviceTiers ?? {}).map(([name, own]) => [name, fromTiers(own)] as const);
  return {
    ...fromTiers(tiers),
    web_searches_per_thousand: formatUsdPerMillion(webSearch / 1_000n),
    requests_per_thousand: formatUsdPerMillion(request / 1_000n),
    ...(named.length > 0 ? { service_tiers: Object.fromEntries(named) } : {}),
  };
}

function fromTiers([base, ...steps]: PriceTiers) {
  const long = steps.map((step) => ({ above_input_tokens: step.aboveInputTokens, ...fromTier(step) }));
  return { ...fromTier(base), ...(long.length > 0 ? { long_context: long } : {}) };
}

const fromTier = (tier: PriceTier) => ({
  input: formatUsdPerMillion(tier.input),
  output: formatUsdPerMillion(tier.output),
  cache_read: formatUsdPerMillion(tier.cacheRead),
  cache_write_5m: formatUsdPerMillion(tier.cacheWrite5m),
  cache_write_1h: formatUsdPerMillion(tier.cacheWrite1h),
  reasoning: formatUsdPerMillion(tier.reasoning),
  input_audio: formatUsdPerMillion(tier.inputAudio),
  output_audio: formatUsdPerMillion(tier.outputAudio),
  input_image: formatUsdPerMillion(tier.inputImage),
  output_image: formatUsdPerMillion(tier.outputImage),
});
