import { Column } from 'typeorm';
import { AMOUNT, COUNT } from './transformers';

/** The columns of both usage tables: who called, and how many tokens of each kind it took. */
export abstract class UsageColumns {
  @Column('text', { name: 'key_id' })
  keyId!: string;

  @Column('text', { name: 'key_name' })
  keyName!: string;

  @Column('text', { name: 'user_id', nullable: true })
  userId!: string | null;

  @Column('text', { name: 'team_id' })
  teamId!: string;

  @Column('text', { name: 'department_id' })
  departmentId!: string;

  @Column('bigint', { name: 'input_tokens', transformer: COUNT })
  inputTokens!: number;

  @Column('bigint', { name: 'cache_read_tokens', transformer: COUNT })
  cacheReadTokens!: number;

  @Column('bigint', { name: 'cache_write_5m_tokens', transformer: COUNT })
  cacheWrite5mTokens!: number;

  @Column('bigint', { name: 'cache_write_1h_tokens', transformer: COUNT })
  cacheWrite1hTokens!: number;

  @Column('bigint', { name: 'input_audio_tokens', transformer: COUNT })
  inputAudioTokens!: number;

  @Column('bigint', { name: 'input_image_tokens', transformer: COUNT })
  inputImageTokens!: number;

  @Column('bigint', { name: 'output_tokens', transformer: COUNT })
  outputTokens!: number;

  @Column('bigint', { name: 'reasoning_tokens', transformer: COUNT })
  reasoningTokens!: number;

  @Column('bigint', { name: 'output_audio_tokens', transformer: COUNT })
  outputAudioTokens!: number;

  @Column('bigint', { name: 'output_image_tokens', transformer: COUNT })
  outputImageTokens!: number;

  @Column('bigint', { name: 'web_searches', transformer: COUNT })
  webSearches!: number;

  @Column('bigint', { name: 'cost_nano_usd', transformer: AMOUNT })
  costNanoUsd!: bigint;
}
