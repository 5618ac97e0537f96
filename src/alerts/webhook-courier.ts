import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Clock } from '../platform/clock';
import { DatabaseNotifications } from '../platform/database';
import { openText } from '../platform/secrets/sealed-text';
import { Secrets } from '../platform/secrets/secrets';
import { WebhookSender } from './webhook-sender';
import { signatureHeaders } from './webhook-signature';

const POLL_MS = 1_000;
const BATCH = 20;
/** Longer than a posting takes: a replica that dies in between leaves the delivery to the next one. */
const CLAIM_MS = 30_000;
const MAX_ATTEMPTS = 12;
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 6 * 60 * 60_000;

/** Takes what is due, each delivery by one replica; the retry is booked before the attempt is made. */
const CLAIM = `
  with due as (
    select d.id from webhook_deliveries d join webhooks w on w.id = d.webhook_id
    where d.state = 'pending' and d.next_attempt_at <= clock_timestamp() and w.enabled
    order by d.next_attempt_at limit ${BATCH} for update of d skip locked)
  update webhook_deliveries d set attempts = d.attempts + 1,
    next_attempt_at = clock_timestamp() + $1 * interval '1 millisecond'
  from due, webhooks w, events e
  where d.id = due.id and w.id = d.webhook_id and e.id = d.event_id
  returning d.id, d.attempts, d.event_id, w.id as webhook_id, w.url, w.allow_private_network, w.sealed_secret,
    e.type, e.data, e.created_at`;

/** What is still needed to tell an alert of a budget once in its period stays. */
const FORGET = `
  delete from events where created_at < now() - interval '90 days'
    and (type not like 'budget.%' or (data ->> 'resets_at')::timestamptz < now())`;
const FORGET_INTERVAL_MS = 60 * 60_000;

const DONE = `
  update webhook_deliveries set state = $2, status = $3, error = $4,
    delivered_at = case when $2 = 'delivered' then clock_timestamp() end,
    next_attempt_at = clock_timestamp() + $5 * interval '1 millisecond'
  where id = $1`;

interface Due {
  readonly id: string;
  readonly attempts: number;
  readonly event_id: string;
  readonly webhook_id: string;
  readonly url: string;
  readonly allow_private_network: boolean;
  readonly sealed_secret: string;
  readonly type: string;
  readonly data: unknown;
  readonly created_at: Date;
}

/** Wait before the next attempt: from two seconds, four times as long each time, to six hours: about a day in all. */
export const retryAfterMs = (attempts: number): number => Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 4 ** (attempts - 1));

/** Carries events to their receivers: at least once each, in any order, until they are taken or given up. */
@Injectable()
export class WebhookCourier implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(WebhookCourier.name);
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private forgetAtMs = 0;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly notifications: DatabaseNotifications,
    private readonly sender: WebhookSender,
    private readonly secrets: Secrets,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.notifications.subscribe('webhooks_due', () => this.wake());
    this.timer = setInterval(() => this.wake(), POLL_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  /** One round at a time. */
  private wake(): void {
    this.running ??= this.run().finally(() => (this.running = null));
  }

  private async run(): Promise<void> {
    try {
      await this.forget();
      for (let count = BATCH; count === BATCH;) {
        // The driver answers an update with its rows and their number.
        const [due] = await this.database.query<[Due[], number]>(CLAIM, [CLAIM_MS]);
        await Promise.all(due.map((delivery) => this.deliver(delivery)));
        count = due.length;
      }
    } catch (error) {
      this.logger.warn(`Webhooks wait: ${String(error)}`);
    }
  }

  private async forget(): Promise<void> {
    const now = this.clock.now();
    if (now < this.forgetAtMs) return;
    this.forgetAtMs = now + FORGET_INTERVAL_MS;
    await this.database.query(FORGET);
  }

  private async deliver(due: Due): Promise<void> {
    const body = JSON.stringify({ type: due.type, timestamp: due.created_at.toISOString(), data: due.data });
    const secret = openText(this.secrets.sealingKey, due.webhook_id, due.sealed_secret);
    const seconds = Math.floor(this.clock.now() / 1000);
    const { ok, status, error } = await this.sender.post({
      url: due.url,
      allowPrivateNetwork: due.allow_private_network,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'ai-gateway-webhooks/1',
        ...signatureHeaders(secret, due.event_id, seconds, body),
      },
      body,
    });
    const isLast = due.attempts >= MAX_ATTEMPTS;
    const failed = isLast ? 'dead' : 'pending';
    await this.database.query(DONE, [due.id, ok ? 'delivered' : failed, status, error, retryAfterMs(due.attempts)]);
    if (!ok && isLast)
      this.logger.warn(`An event was given up after ${MAX_ATTEMPTS} attempts: webhook ${due.webhook_id}`);
  }
}
