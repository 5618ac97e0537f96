import { ApiProperty } from '@nestjs/swagger';
import type { Transcript } from '../../transcripts';

const ANY_JSON = [
  { type: 'object', additionalProperties: true },
  { type: 'string' },
  { type: 'array', items: { type: 'string' } },
];

class ContentPartDto {
  @ApiProperty({
    oneOf: ANY_JSON,
    nullable: true,
    description:
      'The body as it was sent, with what was taken out named in brackets; of a streamed answer its words, one text a choice.',
    example: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Write to [email address].' }] },
  })
  content!: unknown;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { email_addresses: 1 },
    description: 'How often something of each kind was taken out before it was stored.',
  })
  redacted!: Record<string, number>;

  @ApiProperty({ description: 'True when it was longer than `transcripts.max_characters`.' })
  cut!: boolean;
}

export class ContentDto {
  @ApiProperty({ example: 'req_01kb3v0000abcdefghjkmnpqrs' })
  request_id!: string;

  @ApiProperty({ type: ContentPartDto })
  prompt!: ContentPartDto;

  @ApiProperty({ type: ContentPartDto })
  answer!: ContentPartDto;

  @ApiProperty({ example: '2026-11.5f3a91c2', description: 'The key it is encrypted with.' })
  key_id!: string;

  @ApiProperty({ format: 'date-time', example: '2026-12-23T12:00:00.000Z' })
  dropped_at!: string;
}

const partOf = ({ value, found, isCut }: Transcript['prompt']): ContentPartDto => ({
  content: value,
  redacted: { ...found },
  cut: isCut,
});

export const fromTranscript = (transcript: Transcript): ContentDto => ({
  request_id: transcript.requestId,
  prompt: partOf(transcript.prompt),
  answer: partOf(transcript.answer),
  key_id: transcript.keyId,
  dropped_at: transcript.droppedAt.toISOString(),
});
