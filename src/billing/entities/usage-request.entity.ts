import type { Decision } from '../../core/context';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { AMOUNT } from './transformers';
import { UsageColumns } from './usage-columns';

/** One request of a known caller. Written by the usage store in batches; partitioned, so the schema belongs to the migrations alone. */
@Entity('usage_requests', { synchronize: false })
export class UsageRequest extends UsageColumns {
  @PrimaryColumn('text')
  id!: string;

  @PrimaryColumn('timestamptz', { name: 'started_at' })
  startedAt!: Date;

  @Column('text', { name: 'endpoint' })
  endpoint!: string;

  @Column('text', { name: 'dialect' })
  dialect!: string;

  @Column('text', { name: 'requested_model', nullable: true })
  requestedModel!: string | null;

  @Column('text', { name: 'provider', nullable: true })
  provider!: string | null;

  @Column('text', { name: 'model', nullable: true })
  model!: string | null;

  @Column('text', { name: 'served_model', nullable: true })
  servedModel!: string | null;

  @Column('boolean', { name: 'stream' })
  stream!: boolean;

  @Column('integer', { name: 'status' })
  status!: number;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;

  @Column('text', { name: 'cache_status' })
  cacheStatus!: string;

  @Column('integer', { name: 'attempts' })
  attempts!: number;

  @Column('boolean', { name: 'fallback' })
  fallback!: boolean;

  @Column('bigint', { name: 'saved_nano_usd', transformer: AMOUNT })
  savedNanoUsd!: bigint;

  @Column('text', { name: 'usage_source', nullable: true })
  usageSource!: string | null;

  @Column('text', { name: 'price_version', nullable: true })
  priceVersion!: string | null;

  @Column('text', { name: 'config_version' })
  configVersion!: string;

  @Column('integer', { name: 'latency_ms', nullable: true })
  latencyMs!: number | null;

  @Column('integer', { name: 'ttfb_ms', nullable: true })
  ttfbMs!: number | null;

  @Column('double precision', { name: 'overhead_ms', nullable: true })
  overheadMs!: number | null;

  @Column('jsonb', { name: 'metadata', nullable: true })
  metadata!: Record<string, string> | null;

  @Column('jsonb', { name: 'decisions', nullable: true, select: false })
  decisions?: Decision[] | null;
}
