import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { InvalidRequestError } from '../../core/errors';
import type { NanoUsd } from '../../core/money';
import { queryWithin } from '../bounded-query';
import type { ModelPrice } from '../model-price';
import { PriceBook } from '../price-book';
import type { PriceTable } from '../prices/price-table';
import { ProviderTypes } from '../provider-types';
import { ATTEMPT_COLUMNS } from '../usage-rows';
import { costAt, reRatedRow, type StoredAttempt } from './re-rated-rows';

/** Which attempts: those that began from `from` on and before `to`, of requests that have ended. */
export interface ReRatingRange {
  readonly from: Date;
  readonly to: Date;
  readonly provider?: string | undefined;
  /** As the provider knows it. */
  readonly model?: string | undefined;
}

export interface ReRatedModel {
  readonly provider: string;
  readonly model: string;
  /** Looked at. */
  readonly attempts: number;
  /** Whose cost is another one now. */
  readonly changed: number;
  readonly beforeNanoUsd: NanoUsd;
  readonly afterNanoUsd: NanoUsd;
}

export interface ReRatingResult {
  /** Of the price table that was applied. */
  readonly version: string;
  readonly models: readonly ReRatedModel[];
  /** Models without a known price, whose attempts stay as they are. */
  readonly unpriced: readonly { readonly provider: string; readonly model: string; readonly attempts: number }[];
}

/** One step of a re-rating that is made in a transaction of its own. */
export type ReRatingStep = (
  work: (manager: EntityManager) => Promise<{ readonly changed: number; readonly differenceNanoUsd: NanoUsd }>,
) => Promise<void>;

const MAX_ATTEMPTS = 100_000;
/** Of models, in the message about one that was not used, when they are found so quickly. */
const MAX_NAMED = 20;
const NAMING_MS = 1_000;
/** The budgets of these are locked while they are corrected, and calls may be waiting for those. */
const STEP_ATTEMPTS = 500;

const READ = ['id', 'request_id', 'provider', 'model', 'usage_source', 'service_tier', 'cost_nano_usd'] as const;
const TOKENS = Object.keys(ATTEMPT_COLUMNS).filter((name) => name.endsWith('_tokens') || name === 'web_searches');
const COLUMNS = [...READ, ...TOKENS].map((name) => `"${name}"`).join(', ');

/** Without the attempts of requests that are not on record yet: those come with their own sum of what was charged, which nothing would correct. */
const WHERE = `started_at >= $1 and started_at < $2 and ($3::text is null or provider = $3) and ($4::text is null or model = $4)
  and exists (select 1 from usage_requests r where r.id = request_id)`;
const PAGE = `select ${COLUMNS}, started_at from usage_attempts
  where ${WHERE} and (started_at, id) > ($5, $6) order by started_at, id limit ${STEP_ATTEMPTS}`;

const CHANGED = [
  'price_id',
  'price_source',
  'price_version',
  ...Object.keys(ATTEMPT_COLUMNS).filter((name) => name.endsWith('_price_pico')),
  'cost_nano_usd',
] as (keyof typeof ATTEMPT_COLUMNS)[];
const TYPED = CHANGED.map((name) => `"${name}" ${ATTEMPT_COLUMNS[name]}`).join(', ');

/** The difference is posted, and reaches requests, roll-ups and budgets, by the triggers of the row. */
const UPDATE = `update usage_attempts a set ${CHANGED.map((name) => `"${name}" = n."${name}"`).join(', ')}
  from json_to_recordset($1::json) as n (id text, started_at timestamptz, ${TYPED})
  where a.id = n.id and a.started_at = n.started_at`;
const UPDATE_REQUESTS = `update usage_requests r set price_version = n.price_version
  from (select distinct request_id, price_version from json_to_recordset($1::json) as j (request_id text, price_version text)) n
  where r.id = n.request_id`;

/**
 * Charges past attempts by the prices in force now: after a price was wrong, or missing. Nothing that was posted is
 * changed; the difference is. Doing it again changes nothing more.
 */
@Injectable()
export class ReRating {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly book: PriceBook,
    private readonly types: ProviderTypes,
  ) {}

  /** What it would come to. Throws `InvalidRequestError` for more attempts than are re-rated at once. */
  async preview(range: ReRatingRange): Promise<ReRatingResult> {
    const { table } = this.book;
    const tally = new Tally();
    await this.requireFew(range);
    for await (const rows of this.pages(range)) this.rate(table, rows, tally);
    return { version: table.version, ...tally.result() };
  }

  /** In steps, each in a transaction that `step` opens and may add to. What fails leaves the steps before it done. */
  async apply(range: ReRatingRange, step: ReRatingStep): Promise<ReRatingResult> {
    const { table } = this.book;
    const tally = new Tally();
    await this.requireFew(range);
    for await (const page of this.pages(range)) {
      if (this.rate(table, page, new Tally()).length === 0) {
        this.rate(table, page, tally);
        continue;
      }
      await step(async (manager) => {
        const rows = await manager.query<StoredAttempt[]>(
          `select ${COLUMNS}, started_at from usage_attempts where id = any($1) and started_at = any($2) order by started_at, id for update`,
          [page.map(({ id }) => id), page.map(({ started_at: startedAt }) => startedAt)],
        );
        const changes = this.rate(table, rows, tally);
        const json = JSON.stringify(changes.map(({ row, price }) => reRatedRow(price, table.version, row)));
        await manager.query(UPDATE, [json]);
        await manager.query(UPDATE_REQUESTS, [json]);
        const differenceNanoUsd = changes.reduce((sum, { difference }) => sum + difference, 0n);
        return { changed: changes.length, differenceNanoUsd };
      });
    }
    return { version: table.version, ...tally.result() };
  }

  /** The rows whose cost changes. */
  private rate(table: PriceTable, rows: readonly StoredAttempt[], tally: Tally): Change[] {
    return rows.flatMap((row) => {
      const { provider, model } = row;
      const target = { provider, providerType: this.types.typeOf(provider), model };
      const price = table.find(target, row.started_at.getTime());
      if (!price) {
        tally.unpriced(row);
        return [];
      }
      const difference = costAt(price, row) - BigInt(row.cost_nano_usd);
      tally.rated(row, difference);
      return difference === 0n ? [] : [{ row, price, difference }];
    });
  }

  /** Something to look at, where a name is asked for, and not too much. */
  private async requireFew(range: ReRatingRange): Promise<void> {
    const { from, to, provider, model } = range;
    if (from >= to) throw new InvalidRequestError('from must be before to.', 'from');
    const [found] = await this.database.query<{ count: number }[]>(
      `select count(*)::int as count from (select 1 from usage_attempts where ${WHERE} limit ${MAX_ATTEMPTS + 1}) as a`,
      [from, to, provider ?? null, model ?? null],
    );
    if (found && found.count > MAX_ATTEMPTS) {
      throw new InvalidRequestError(
        `There are more than ${MAX_ATTEMPTS} attempts between from and to: re-rate a shorter time, or one model after the other.`,
        'from',
      );
    }
    if (found?.count === 0 && (provider !== undefined || model !== undefined)) await this.refuseUnused(range);
  }

  /** A mistyped name must not look like "all prices were right". */
  private async refuseUnused({ from, to, provider, model }: ReRatingRange): Promise<never> {
    const used = await queryWithin(this.database, NAMING_MS, (manager) =>
      manager.query<{ name: string }[]>(
        `select distinct provider || '/' || model as name from usage_attempts where started_at >= $1 and started_at < $2
          order by name limit ${MAX_NAMED}`,
        [from, to],
      ),
    );
    throw new InvalidRequestError(
      `There are no attempts of ${[provider, model].filter((name) => name !== undefined).join('/')} between from and to. ${adviceOf(used)}`,
      model === undefined ? 'provider' : 'model',
    );
  }

  private async *pages({ from, to, provider, model }: ReRatingRange): AsyncGenerator<StoredAttempt[]> {
    let after: readonly [Date, string] = [from, ''];
    for (;;) {
      const values = [from, to, provider ?? null, model ?? null, ...after];
      const rows = await this.database.query<StoredAttempt[]>(PAGE, values);
      const last = rows.at(-1);
      if (!last) return;
      yield rows;
      after = [last.started_at, last.id];
    }
  }
}

function adviceOf(used: readonly { readonly name: string }[] | null): string {
  if (used?.length === 0) return 'There are none at all.';
  const advice = 'Write provider and model as they are on record';
  return used === null ? `${advice}.` : `${advice}: ${used.map(({ name }) => name).join(', ')}.`;
}

interface Change {
  readonly row: StoredAttempt;
  readonly price: ModelPrice;
  readonly difference: NanoUsd;
}

/** Sums by provider and model. */
class Tally {
  private readonly models = new Map<string, { -readonly [Field in keyof ReRatedModel]: ReRatedModel[Field] }>();
  private readonly unknown = new Map<string, { provider: string; model: string; attempts: number }>();

  rated({ provider, model, cost_nano_usd: cost }: StoredAttempt, difference: NanoUsd): void {
    const key = `${provider}\n${model}`;
    const known = this.models.get(key) ?? {
      provider,
      model,
      attempts: 0,
      changed: 0,
      beforeNanoUsd: 0n,
      afterNanoUsd: 0n,
    };
    known.attempts += 1;
    if (difference !== 0n) known.changed += 1;
    known.beforeNanoUsd += BigInt(cost);
    known.afterNanoUsd += BigInt(cost) + difference;
    this.models.set(key, known);
  }

  unpriced({ provider, model }: StoredAttempt): void {
    const key = `${provider}\n${model}`;
    const known = this.unknown.get(key) ?? { provider, model, attempts: 0 };
    known.attempts += 1;
    this.unknown.set(key, known);
  }

  result(): Pick<ReRatingResult, 'models' | 'unpriced'> {
    return { models: [...this.models.values()], unpriced: [...this.unknown.values()] };
  }
}
