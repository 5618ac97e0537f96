import { Body, Get, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { WebhooksService, type Webhook, type WebhookDelivery } from '../../../alerts';
import { MAX_PAGE_SIZE } from '../../../core/page';
import { EVENT_TYPES } from '../../../platform/events/event-outbox';
import { CreateWebhookDto, toWebhook, toWebhookChanges, UpdateWebhookDto } from '../../dtos/webhook.dto';
import { WebhookManagement } from '../../management/webhook-management';
import { Id } from '../../id.decorator';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Pages, viewerIn } from '../render/pages';
import { checked, listOf, pageOf, problemOf, textOf, type Problem, type Query } from './fields';

const HOME = '/admin/alerts';

const MEANINGS: Readonly<Record<string, string>> = {
  'budget.threshold': 'a budget has reached one of its alerts',
  'budget.exceeded': 'a budget is used up',
  'provider.down': 'a provider is left alone',
  'provider.up': 'it answers again',
  'key.leaked': 'a key was found where it should not be',
  'key.anomaly': 'a key spends far more than it used to',
};
const TONES: Readonly<Record<WebhookDelivery['state'], string>> = { delivered: 'good', pending: 'warn', dead: 'bad' };

@ConsoleController('alerts')
export class AlertsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly webhooks: WebhooksService,
    private readonly management: WebhookManagement,
  ) {}

  @Get()
  @Permit('alerts.read')
  async list(@Res() response: Response): Promise<void> {
    await this.showList(response, { values: { events: [...EVENT_TYPES] } });
  }

  @Post()
  @Permit('alerts.write')
  async create(@Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const { webhook, secret } = await this.management.create(
        viewerIn(response),
        toWebhook(await checked(CreateWebhookDto, fieldsOf(form))),
      );
      this.pages.show(response, 'webhook-secret', { title: 'Webhook created', webhook, secret });
    } catch (error) {
      await this.showList(response, { values: form, problem: problemOf(error) }, 400);
    }
  }

  @Get(':id')
  @Permit('alerts.read')
  async detail(@Id('hook') id: string, @Parameters() query: Query, @Res() response: Response): Promise<void> {
    await this.showWebhook(response, id, query);
  }

  @Post(':id')
  @Permit('alerts.write')
  async update(@Id('hook') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const fields = { ...fieldsOf(form), name: textOf(form, 'name') ?? '' };
      const changes = toWebhookChanges(await checked(UpdateWebhookDto, fields));
      await this.management.update(viewerIn(response), id, changes);
    } catch (error) {
      await this.showWebhook(response, id, {}, { values: form, problem: problemOf(error) });
      return;
    }
    this.pages.done(response, `${HOME}/${id}`, 'saved');
  }

  @Post(':id/delete')
  @Permit('alerts.write')
  async remove(@Id('hook') id: string, @Res() response: Response): Promise<void> {
    await this.management.remove(viewerIn(response), id);
    this.pages.done(response, HOME, 'deleted');
  }

  private async showList(response: Response, model: { values: Query; problem?: unknown }, status = 200): Promise<void> {
    const { items } = await this.webhooks.list({ limit: MAX_PAGE_SIZE, cursor: null });
    const { values } = model;
    this.pages.show(
      response,
      'alerts',
      {
        title: 'Alerts',
        ...model,
        rows: items.map((webhook) => ({
          ...webhook,
          href: `${HOME}/${webhook.id}`,
          events: webhook.events.join(', '),
        })),
        events: choicesOf(listOf(values, 'events')),
        mayWrite: mayDo(viewerIn(response).role, 'alerts.write'),
      },
      status,
    );
  }

  private async showWebhook(
    response: Response,
    id: string,
    query: Query,
    refused?: { readonly values: Query; readonly problem: Problem },
  ): Promise<void> {
    const webhook = await this.webhooks.get(id);
    const values = refused?.values ?? valuesOf(webhook);
    const page = await this.webhooks.deliveries(id, pageOf(query));
    this.pages.show(
      response,
      'webhook',
      {
        title: webhook.name,
        webhook,
        values,
        problem: refused?.problem,
        events: choicesOf(listOf(values, 'events')),
        deliveries: page.items.map((delivery) => ({
          ...delivery,
          tone: TONES[delivery.state],
          data: JSON.stringify(delivery.data, null, 1),
        })),
        nextHref: page.nextCursor === null ? null : `${HOME}/${id}?cursor=${page.nextCursor}`,
        firstHref: query['cursor'] === undefined ? null : `${HOME}/${id}`,
        mayWrite: mayDo(viewerIn(response).role, 'alerts.write'),
      },
      refused ? 400 : 200,
    );
  }
}

const fieldsOf = (form: Query): Query => ({
  url: textOf(form, 'url') ?? '',
  name: textOf(form, 'name'),
  events: listOf(form, 'events'),
  enabled: form['enabled'] !== undefined,
  allow_private_network: form['allow_private_network'] !== undefined,
});

const valuesOf = ({ url, name, events, enabled, allowPrivateNetwork }: Webhook): Query => ({
  url,
  name,
  events,
  enabled,
  allow_private_network: allowPrivateNetwork,
});

const choicesOf = (chosen: readonly string[]) =>
  EVENT_TYPES.map((name) => ({ name, meaning: MEANINGS[name] ?? '', isChosen: chosen.includes(name) }));
