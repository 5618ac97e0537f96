import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { ArrayMinSize, ArrayUnique, IsArray, IsBoolean, IsIn, IsString, MaxLength } from 'class-validator';
import type { Webhook, WebhookDelivery, WebhookFields } from '../../alerts';
import { InvalidRequestError } from '../../core/errors';
import { EVENT_TYPES, type EventType } from '../../platform/events/event-outbox';
import { IsName, MayBeAbsent } from './fields';
import { PageDto } from './page.dto';

const MAX_URL_LENGTH = 2_000;

export class CreateWebhookDto {
  @ApiProperty({ example: 'https://example.com/hooks/gateway', description: 'Events are posted there as JSON.' })
  @IsString()
  @MaxLength(MAX_URL_LENGTH)
  url!: string;

  @ApiPropertyOptional({ enum: EVENT_TYPES, isArray: true, description: 'Default: all.' })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayUnique()
  @IsIn(EVENT_TYPES, { each: true })
  events?: EventType[];

  @ApiPropertyOptional({ example: 'pager', description: 'Default: the host of `url`.' })
  @MayBeAbsent()
  @IsName()
  name?: string;

  @ApiPropertyOptional({ default: true, description: '`false`: nothing is sent, what is due waits.' })
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  @ApiPropertyOptional({ default: false, description: 'Allows http:// and private or loopback addresses.' })
  @MayBeAbsent()
  @IsBoolean()
  allow_private_network?: boolean;
}

export class UpdateWebhookDto extends PartialType(CreateWebhookDto, { skipNullProperties: false }) {}

export class WebhookDto {
  @ApiProperty({ example: 'hook_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'pager' })
  name!: string;

  @ApiProperty({ example: 'https://example.com/hooks/gateway' })
  url!: string;

  @ApiProperty({ enum: EVENT_TYPES, isArray: true })
  events!: readonly EventType[];

  @ApiProperty()
  enabled!: boolean;

  @ApiProperty()
  allow_private_network!: boolean;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;
}

export class NewWebhookDto extends WebhookDto {
  @ApiProperty({ example: 'whsec_…', description: 'Verifies `webhook-signature`. Shown this once.' })
  secret!: string;
}

export class WebhookPageDto extends PageDto {
  @ApiProperty({ type: [WebhookDto] })
  data!: WebhookDto[];
}

export class WebhookDeliveryDto {
  @ApiProperty({ example: 'dlv_3f0e8a52c1b74d0f9f6b2a7e8c9d0a1b' })
  id!: string;

  @ApiProperty({
    example: 'evt_5b8f0e8a52c14d0f9f6b2a7e8c9d0a1b',
    description: 'The same for every receiver and attempt.',
  })
  event_id!: string;

  @ApiProperty({ enum: EVENT_TYPES })
  event!: EventType;

  @ApiProperty({ type: 'object', additionalProperties: true })
  data!: unknown;

  @ApiProperty({ enum: ['pending', 'delivered', 'dead'], description: '`dead`: given up.' })
  state!: 'pending' | 'delivered' | 'dead';

  @ApiProperty({ example: 1 })
  attempts!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'What the receiver answered last.', example: 204 })
  status!: number | null;

  @ApiProperty({ type: String, nullable: true })
  error!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  delivered_at!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  next_attempt_at!: string | null;
}

export class WebhookDeliveryPageDto extends PageDto {
  @ApiProperty({ type: [WebhookDeliveryDto] })
  data!: WebhookDeliveryDto[];
}

export const toWebhook = (dto: CreateWebhookDto): WebhookFields => ({
  url: dto.url,
  events: dto.events ?? EVENT_TYPES,
  name: dto.name ?? hostOf(dto.url),
  enabled: dto.enabled ?? true,
  allowPrivateNetwork: dto.allow_private_network ?? false,
});

export const toWebhookChanges = (dto: UpdateWebhookDto): Partial<WebhookFields> => ({
  ...(dto.url === undefined ? {} : { url: dto.url }),
  ...(dto.events === undefined ? {} : { events: dto.events }),
  ...(dto.name === undefined ? {} : { name: dto.name }),
  ...(dto.enabled === undefined ? {} : { enabled: dto.enabled }),
  ...(dto.allow_private_network === undefined ? {} : { allowPrivateNetwork: dto.allow_private_network }),
});

export const fromWebhook = (webhook: Webhook): WebhookDto => ({
  id: webhook.id,
  name: webhook.name,
  url: webhook.url,
  events: webhook.events,
  enabled: webhook.enabled,
  allow_private_network: webhook.allowPrivateNetwork,
  created_at: webhook.createdAt.toISOString(),
});

export const fromDelivery = (delivery: WebhookDelivery): WebhookDeliveryDto => ({
  id: delivery.id,
  event_id: delivery.eventId,
  event: delivery.event,
  data: delivery.data,
  state: delivery.state,
  attempts: delivery.attempts,
  status: delivery.status,
  error: delivery.error,
  created_at: delivery.createdAt.toISOString(),
  delivered_at: delivery.deliveredAt?.toISOString() ?? null,
  next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
});

function hostOf(url: string): string {
  if (URL.canParse(url) && new URL(url).host !== '') return new URL(url).host.slice(0, 100);
  throw new InvalidRequestError('url must be an address such as https://example.com/hooks/gateway.', 'url');
}
