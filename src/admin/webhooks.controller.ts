import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { WebhooksService } from '../alerts';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { fromPage, PageQueryDto, toPageRequest } from './dtos/page.dto';
import {
  CreateWebhookDto,
  fromDelivery,
  fromWebhook,
  NewWebhookDto,
  toWebhook,
  toWebhookChanges,
  UpdateWebhookDto,
  WebhookDeliveryPageDto,
  WebhookDto,
  WebhookPageDto,
} from './dtos/webhook.dto';
import { Id } from './id.decorator';
import { WebhookManagement } from './management/webhook-management';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('webhooks', 'Webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly management: WebhookManagement,
  ) {}

  @Post()
  @Permit('alerts.write')
  @ApiOperation({ summary: 'Send events to an address; the secret is shown once' })
  @ApiCreatedResponse({ type: NewWebhookDto, description: 'The only answer that holds the secret.' })
  async create(@By() caller: Caller, @Body() body: CreateWebhookDto): Promise<NewWebhookDto> {
    const { webhook, secret } = await this.management.create(caller, toWebhook(body));
    return Object.assign(fromWebhook(webhook), { secret });
  }

  @Get()
  @Permit('alerts.read')
  @ApiOperation({ summary: 'List webhooks' })
  @ApiOkResponse({ type: WebhookPageDto })
  async list(@Query() query: PageQueryDto): Promise<WebhookPageDto> {
    return fromPage(await this.webhooks.list(toPageRequest(query)), fromWebhook);
  }

  @Get(':id')
  @Permit('alerts.read')
  @ApiOperation({ summary: 'One webhook' })
  @ApiOkResponse({ type: WebhookDto })
  @Refuses(404)
  async get(@Id('hook') id: string): Promise<WebhookDto> {
    return fromWebhook(await this.webhooks.get(id));
  }

  @Patch(':id')
  @Permit('alerts.write')
  @ApiOperation({ summary: 'Change a webhook' })
  @ApiOkResponse({ type: WebhookDto })
  @Refuses(404)
  async update(@By() caller: Caller, @Id('hook') id: string, @Body() body: UpdateWebhookDto): Promise<WebhookDto> {
    return fromWebhook(await this.management.update(caller, id, toWebhookChanges(body)));
  }

  @Delete(':id')
  @Permit('alerts.write')
  @ApiOperation({ summary: 'Delete a webhook and its deliveries' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404)
  async remove(@By() caller: Caller, @Id('hook') id: string): Promise<void> {
    await this.management.remove(caller, id);
  }

  /** Newest first: what was sent, what the receiver answered, and what is tried again. */
  @Get(':id/deliveries')
  @Permit('alerts.read')
  @ApiOperation({ summary: 'The deliveries of a webhook' })
  @ApiOkResponse({ type: WebhookDeliveryPageDto })
  @Refuses(404)
  async deliveries(@Id('hook') id: string, @Query() query: PageQueryDto): Promise<WebhookDeliveryPageDto> {
    return fromPage(await this.webhooks.deliveries(id, toPageRequest(query)), fromDelivery);
  }
}
