import type { NanoUsd } from '../../core/money';
import type { TokenUsage } from '../../core/tokens';
import { priceMembers } from '../build-rows';
import { costOf, worstCaseCost, type ModelPrice } from '../model-price';
import type { TokenColumns } from '../usage-rows';

/** What is read of a stored attempt; counts are decimal text, as the driver gives integers of 64 bits. */
export interface StoredAttempt extends Readonly<Record<keyof TokenColumns, string>> {
  readonly id: string;
  readonly request_id: string;
  readonly started_at: Date;
  readonly provider: string;
  readonly model: string;
  readonly usage_source: string;
  readonly service_tier: string | null;
  readonly cost_nano_usd: string;
}

const usageOf = (row: StoredAttempt): TokenUsage => ({
  inputTokens: Number(row.input_tokens),
  cacheReadTokens: Number(row.cache_read_tokens),
  cacheWrite5mTokens: Number(row.cache_write_5m_tokens),
  cacheWrite1hTokens: Number(row.cache_write_1h_tokens),
  inputAudioTokens: Number(row.input_audio_tokens),
  inputImageTokens: Number(row.input_image_tokens),
  outputTokens: Number(row.output_tokens),
  reasoningTokens: Number(row.reasoning_tokens),
  outputAudioTokens: Number(row.output_audio_tokens),
  outputImageTokens: Number(row.output_image_tokens),
  webSearches: Number(row.web_searches),
  ...(row.service_tier === null ? {} : { serviceTier: row.service_tier }),
});

/** Nothing was used and nothing was charged: a call that failed, for which no fee is due either. */
const isFree = (row: StoredAttempt): boolean =>
  row.cost_nano_usd === '0' && row.input_tokens === '0' && row.output_tokens === '0' && row.web_searches === '0';

/** What the tokens of a stored attempt cost at a price. One whose end is not known costs the most it may have cost, as before. */
export function costAt(price: ModelPrice, row: StoredAttempt): NanoUsd {
  if (isFree(row)) return 0n;
  const usage = usageOf(row);
  if (row.usage_source !== 'reserved') return costOf(price, usage);
  return worstCaseCost(price, usage.inputTokens, usage.outputTokens, 1, usage.serviceTier);
}

/** The columns of a row that a re-rating changes. */
export function reRatedRow(price: ModelPrice, version: string, row: StoredAttempt): object {
  const { inputTokens, serviceTier } = usageOf(row);
  return {
    ...(JSON.parse(`{${priceMembers(price, inputTokens, serviceTier)}}`) as object),
    id: row.id,
    started_at: row.started_at.toISOString(),
    request_id: row.request_id,
    price_version: version,
    cost_nano_usd: costAt(price, row).toString(),
  };
}
