import { Injectable } from '@nestjs/common';
import { WebhooksService, type Webhook, type WebhookFields } from '../../alerts';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';
import { fromWebhook } from '../dtos/webhook.dto';
import { deedsOf } from './deeds-of';

const deedOf = deedsOf<Webhook>(({ name }) => name, fromWebhook);

/** Webhooks, on record as soon as they are changed. */
@Injectable()
export class WebhookManagement {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly audit: AuditLog,
  ) {}

  async create(caller: Caller, fields: WebhookFields): ReturnType<WebhooksService['create']> {
    const made = await this.webhooks.create(fields);
    await this.record(caller, 'webhook.create', null, made.webhook);
    return made;
  }

  async update(caller: Caller, id: string, changes: Partial<WebhookFields>): Promise<Webhook> {
    const before = await this.webhooks.get(id);
    const after = await this.webhooks.update(id, changes);
    await this.record(caller, 'webhook.update', before, after);
    return after;
  }

  async remove(caller: Caller, id: string): Promise<void> {
    const before = await this.webhooks.get(id);
    await this.webhooks.remove(id);
    await this.record(caller, 'webhook.delete', before, null);
  }

  private record(caller: Caller, action: string, before: Webhook | null, after: Webhook | null): Promise<void> {
    return this.audit.record(actorOf(caller), deedOf(action, before, after));
  }
}
