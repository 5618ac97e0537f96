import { Column, Entity, PrimaryColumn } from 'typeorm';
import { AMOUNT } from './transformers';
import { UsageColumns } from './usage-columns';

/** One call to a provider. Written by the usage store in batches; partitioned, so the schema belongs to the migrations alone. */
@Entity('usage_attempts', { synchronize: false })
export class UsageAttempt extends UsageColumns {
  @PrimaryColumn('text')
  id!: string;

  @PrimaryColumn('timestamptz', { name: 'started_at' })
  startedAt!: Date;

  @Column('text', { name: 'request_id' })
  requestId!: string;

  @Column('integer', { name: 'index' })
  index!: number;

  @Column('text', { name: 'provider' })
  provider!: string;

  @Column('text', { name: 'model' })
  model!: string;

  @Column('text', { name: 'served_model', nullable: true })
  servedModel!: string | null;

  @Column('text', { name: 'status' })
  status!: string;

  @Column('integer', { name: 'http_status', nullable: true })
  httpStatus!: number | null;

  @Column('text', { name: 'error', nullable: true })
  error!: string | null;

  @Column('text', { name: 'usage_source' })
  usageSource!: string;

  @Column('text', { name: 'price_id' })
  priceId!: string;

  @Column('text', { name: 'price_source' })
  priceSource!: string;

  @Column('text', { name: 'price_version' })
  priceVersion!: string;

  /** That was charged; null: the ordinary one. */
  @Column('text', { name: 'service_tier', nullable: true })
  serviceTier!: string | null;

  @Column('integer', { name: 'latency_ms', nullable: true })
  latencyMs!: number | null;

  @Column('integer', { name: 'ttfb_ms', nullable: true })
  ttfbMs!: number | null;

  @Column('bigint', { name: 'input_price_pico', transformer: AMOUNT })
  inputPricePico!: bigint;

  @Column('bigint', { name: 'cache_read_price_pico', transformer: AMOUNT })
  cacheReadPricePico!: bigint;

  @Column('bigint', { name: 'cache_write_5m_price_pico', transformer: AMOUNT })
  cacheWrite5mPricePico!: bigint;

  @Column('bigint', { name: 'cache_write_1h_price_pico', transformer: AMOUNT })
  cacheWrite1hPricePico!: bigint;

  @Column('bigint', { name: 'input_audio_price_pico', transformer: AMOUNT })
  inputAudioPricePico!: bigint;

  @Column('bigint', { name: 'input_image_price_pico', transformer: AMOUNT })
  inputImagePricePico!: bigint;

  @Column('bigint', { name: 'output_price_pico', transformer: AMOUNT })
  outputPricePico!: bigint;

  @Column('bigint', { name: 'reasoning_price_pico', transformer: AMOUNT })
  reasoningPricePico!: bigint;

  @Column('bigint', { name: 'output_audio_price_pico', transformer: AMOUNT })
  outputAudioPricePico!: bigint;

  @Column('bigint', { name: 'output_image_price_pico', transformer: AMOUNT })
  outputImagePricePico!: bigint;

  @Column('bigint', { name: 'web_search_price_pico', transformer: AMOUNT })
  webSearchPricePico!: bigint;

  @Column('bigint', { name: 'request_price_pico', transformer: AMOUNT })
  requestPricePico!: bigint;
}
