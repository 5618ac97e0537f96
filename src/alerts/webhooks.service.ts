import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { InvalidRequestError, NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import { toPage, type Page, type PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import type { EventType } from '../platform/events/event-outbox';
import { sealText } from '../platform/secrets/sealed-text';
import { Secrets } from '../platform/secrets/secrets';
import { newWebhookSecret } from './webhook-signature';
import { requireTarget } from './webhook-target';

/** More are a mistake of a script: each event goes to all of them. */
const MAX_WEBHOOKS = 100;

export interface WebhookFields {
  readonly name: string;
  readonly url: string;
  readonly events: readonly EventType[];
  readonly enabled: boolean;
  readonly allowPrivateNetwork: boolean;
}

export interface Webhook extends WebhookFields {
  readonly id: string;
  readonly createdAt: Date;
}

export interface WebhookDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly event: EventType;
  readonly data: unknown;
  readonly state: 'pending' | 'delivered' | 'dead';
  readonly attempts: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly createdAt: Date;
  readonly deliveredAt: Date | null;
  /** Null when there will be none. */
  readonly nextAttemptAt: Date | null;
}

const COLUMNS =
  'id, name, url, events, enabled, allow_private_network as "allowPrivateNetwork", created_at as "createdAt"';

/** Who is told of events. */
@Injectable()
export class WebhooksService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly secrets: Secrets,
    private readonly clock: Clock,
  ) {}

  /** The secret exists in this one answer; the database holds it encrypted. */
  async create(fields: WebhookFields): Promise<{ readonly webhook: Webhook; readonly secret: string }> {
    requireTarget(fields.url, fields.allowPrivateNetwork);
    const id = newId('hook', this.clock.now());
    const secret = newWebhookSecret();
    const { name, url, events, enabled, allowPrivateNetwork } = fields;
    const sealed = sealText(this.secrets.sealingKey, id, secret);
    const rows = await this.database.query<Webhook[]>(
      `insert into webhooks (id, name, url, events, enabled, allow_private_network, sealed_secret)
       select $1, $2, $3, $4::text[], $5, $6, $7 where (select count(*) from webhooks) < ${MAX_WEBHOOKS} returning ${COLUMNS}`,
      [id, name, url, events, enabled, allowPrivateNetwork, sealed],
    );
    const [webhook] = rows;
    if (!webhook) throw new InvalidRequestError(`There are ${MAX_WEBHOOKS} webhooks already: remove one.`);
    return { webhook, secret };
  }

  async list({ limit, cursor }: PageRequest): Promise<Page<Webhook>> {
    const rows = await this.database.query<Webhook[]>(
      `select ${COLUMNS} from webhooks where $1::text is null or id < $1 order by id desc limit $2`,
      [cursor, limit + 1],
    );
    return toPage(rows, limit, ({ id }) => id);
  }

  async get(id: string): Promise<Webhook> {
    const [webhook] = await this.database.query<Webhook[]>(`select ${COLUMNS} from webhooks where id = $1`, [id]);
    if (!webhook) throw new NotFoundError(`There is no webhook "${id}".`);
    return webhook;
  }

  async update(id: string, changes: Partial<WebhookFields>): Promise<Webhook> {
    const { name, url, events, enabled, allowPrivateNetwork } = { ...(await this.get(id)), ...changes };
    requireTarget(url, allowPrivateNetwork);
    await this.database.query(
      'update webhooks set name = $2, url = $3, events = $4::text[], enabled = $5, allow_private_network = $6 where id = $1',
      [id, name, url, events, enabled, allowPrivateNetwork],
    );
    return this.get(id);
  }

  /** With its deliveries; what is on its way may still arrive. */
  async remove(id: string): Promise<void> {
    await this.get(id);
    await this.database.query('delete from webhooks where id = $1', [id]);
  }

  /** Newest first. */
  async deliveries(id: string, { limit, cursor }: PageRequest): Promise<Page<WebhookDelivery>> {
    await this.get(id);
    const rows = await this.database.query<WebhookDelivery[]>(
      `select d.id, d.event_id as "eventId", e.type as event, e.data, d.state, d.attempts, d.status, d.error,
         d.created_at as "createdAt", d.delivered_at as "deliveredAt",
         case when d.state = 'pending' then d.next_attempt_at end as "nextAttemptAt"
       from webhook_deliveries d join events e on e.id = d.event_id
       where d.webhook_id = $1 and ($2::text is null or (d.created_at, d.id) <
         (select c.created_at, c.id from webhook_deliveries c where c.id = $2))
       order by d.created_at desc, d.id desc limit $3`,
      [id, cursor, limit + 1],
    );
    return toPage(rows, limit, (delivery) => delivery.id);
  }
}
