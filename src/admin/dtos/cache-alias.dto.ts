import { ApiProperty } from '@nestjs/swagger';
import type { QuestionLink } from '../../semantic-cache';
import { PageDto } from './page.dto';

export class CacheAliasDto {
  @ApiProperty({ description: 'Of the question that is asked; the id under which its own answer would be stored.' })
  id!: string;

  @ApiProperty({ description: 'Of the entry whose answer it is given.' })
  entry_id!: string;

  @ApiProperty({ description: 'Who shares it.', example: 'team:team_06f4…' })
  scope!: string;

  @ApiProperty({ description: 'The model that was asked for.' })
  requested_model!: string;

  @ApiProperty({ description: 'Cosine of the two questions.', example: 0.87 })
  similarity!: number;

  @ApiProperty({ description: 'Who found them to be one.', example: 'openai/gpt-4o-mini' })
  judge!: string;

  @ApiProperty({ description: 'The request whose question it was.' })
  request_id!: string;

  @ApiProperty({ description: 'The request that the judge was asked with.' })
  judge_request_id!: string;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;
}

/** The aliases that last longest first. */
export class CacheAliasPageDto extends PageDto {
  @ApiProperty({ type: [CacheAliasDto] })
  data!: CacheAliasDto[];
}

export const fromCacheAlias = (link: QuestionLink): CacheAliasDto => ({
  id: link.id,
  entry_id: link.entryId,
  scope: link.scope,
  requested_model: link.requestedModel,
  similarity: link.similarity,
  judge: link.judge,
  request_id: link.requestId,
  judge_request_id: link.judgeRequestId,
  created_at: new Date(link.createdAtMs).toISOString(),
  expires_at: new Date(link.expiresAtMs).toISOString(),
});
