import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { DatabaseNotifications } from '../../platform/database';
import { StoredPriceOverride } from '../entities/price-override.entity';
import { PriceBook } from '../price-book';
import type { PriceOverride } from '../pricing.config';
import type { StatedPrice } from './price-table';

/** The channel on which the trigger of migration 1764002000000 announces changes. */
const CHANNEL = 'prices_changed';
/** While announcements cannot be heard, changes are looked for this often. */
const UNTOLD_INTERVAL_MS = 900;
/** An import of more is no price list. */
export const MAX_STORED_PRICES = 20_000;

const IN_FORCE = `
  select distinct on (model) version, model, prices, source, created_at as "createdAt"
  from price_overrides order by model, version desc`;

/** One change: no prices takes the stored price back. */
interface PriceChange {
  readonly model: string;
  readonly prices: PriceOverride | null;
  readonly source: 'api' | 'import';
}

/** The prices in the database, and the price book of this process kept up with them: within a second of any change. */
@Injectable()
export class StoredPrices implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(StoredPrices.name);
  private known: ReadonlyMap<string, StatedPrice> = new Map();
  private refreshing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly book: PriceBook,
    private readonly notifications: DatabaseNotifications,
  ) {}

  /** Throws when prices cannot be read: a gateway that does not know what calls cost must not start. */
  async onApplicationBootstrap(): Promise<void> {
    await this.reload();
    this.notifications.subscribe(CHANNEL, () => this.refresh());
    this.notifications.onReconnect(() => this.refresh());
    this.timer = setInterval(() => {
      if (!this.notifications.isConnected) this.refresh();
    }, UNTOLD_INTERVAL_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.refreshing;
  }

  /** The stored price of a name, as this process knows it. */
  of(model: string): StatedPrice | undefined {
    return this.known.get(model);
  }

  /** In force here when it resolves, and everywhere within a second. */
  async add(changes: readonly PriceChange[]): Promise<void> {
    if (changes.length > 0) {
      await this.database.query(
        `insert into price_overrides (model, prices, source)
         select * from unnest($1::text[], $2::jsonb[], $3::text[])`,
        [
          changes.map(({ model }) => model),
          changes.map(({ prices }) => (prices === null ? null : JSON.stringify(prices))),
          changes.map(({ source }) => source),
        ],
      );
    }
    await this.reload();
  }

  async reload(): Promise<void> {
    const rows = await this.database.query<StoredPriceOverride[]>(IN_FORCE);
    const stated = rows.flatMap(({ model, prices, source, version, createdAt }): StatedPrice[] =>
      prices === null ? [] : [{ model, prices, source, version, since: createdAt }],
    );
    const known = new Map(stated.map((price) => [price.model, price]));
    if (isSame(known, this.known)) return;
    this.known = known;
    this.book.useStored(stated);
  }

  /** One at a time; what fails is tried again at the next announcement or reconnection. */
  private refresh(): void {
    this.refreshing = this.refreshing.then(async () => {
      try {
        await this.reload();
      } catch (error) {
        this.logger.warn(`Prices could not be read again; those known stay in force: ${String(error)}`);
      }
    });
  }
}

const isSame = (a: ReadonlyMap<string, StatedPrice>, b: ReadonlyMap<string, StatedPrice>): boolean =>
  a.size === b.size && [...a.values()].every(({ model, version }) => b.get(model)?.version === version);
