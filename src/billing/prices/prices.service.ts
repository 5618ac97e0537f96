import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { ConflictError, InvalidRequestError, NotFoundError } from '../../core/errors';
import type { ModelFacts } from '../../core/model-facts';
import { toPage, type Page, type PageRequest } from '../../core/page';
import { Clock } from '../../platform/clock';
import { priceAt } from '../catalogue';
import type { ModelPrice } from '../model-price';
import { PriceBook } from '../price-book';
import type { PriceOverride } from '../pricing.config';
import { ProviderTypes } from '../provider-types';
import { fromLiteLlmPrices, isModelName, type LiteLlmImport } from './litellm-prices';
import { overridePrice } from './override-price';
import type { PricedTarget, StatedPrice } from './price-table';
import { MAX_STORED_PRICES, StoredPrices } from './stored-prices';

export const PRICE_ORIGINS = ['catalogue', 'config', 'api', 'import'] as const;
export type PriceOrigin = (typeof PRICE_ORIGINS)[number];

/** So many names of an import are looked up in one turn of the event loop. */
const LOOKED_UP_AT_ONCE = 20;

/** A price in force. */
export interface PriceInForce {
  /** `model` or `provider/model`. */
  readonly model: string;
  readonly source: PriceOrigin;
  /** Of a stored price. */
  readonly version: string | null;
  readonly since: Date | null;
  readonly price: ModelPrice;
  readonly facts: ModelFacts;
}

type ListedPrice = Omit<PriceInForce, 'facts'>;

export interface PriceFilter {
  readonly source?: PriceOrigin | undefined;
  /** Part of the name. */
  readonly search?: string | undefined;
}

/** A price that an import sets, and the one that was in force for the name before, wherever that came from. */
export interface ImportedPrice {
  readonly model: string;
  readonly before: ModelPrice | null;
  readonly after: ModelPrice;
}

export interface PriceImportResult extends Omit<LiteLlmImport, 'prices'> {
  readonly imported: readonly ImportedPrice[];
  /** Had this price already. */
  readonly unchanged: number;
}

/** What calls cost: read, overridden and imported. */
@Injectable()
export class PricesService {
  constructor(
    private readonly book: PriceBook,
    private readonly stored: StoredPrices,
    private readonly types: ProviderTypes,
    private readonly clock: Clock,
  ) {}

  /** Of the whole table: changes when any price changes, and stands in every row that was charged by it. */
  get version(): string {
    return this.book.version;
  }

  /** By name. Throws `InvalidRequestError` for a cursor that this list did not give out. */
  list({ limit, cursor }: PageRequest, { source, search }: PriceFilter): Page<PriceInForce> {
    const after = cursor === null ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
    if (cursor !== null && (!isModelName(after) || cursorOf(after) !== cursor)) {
      throw new InvalidRequestError(
        'cursor is not one that this list gave out: pass next_cursor as it came.',
        'cursor',
      );
    }
    const wanted = search?.toLowerCase() ?? '';
    const rows = this.inForce()
      .filter((price) => price.model > after && (source === undefined || price.source === source))
      .filter(({ model }) => model.toLowerCase().includes(wanted))
      .slice(0, limit + 1)
      .map((price) => this.withFacts(price));
    return toPage(rows, limit, ({ model }) => cursorOf(model));
  }

  /** Of a name as it stands in the list, or of a model of a configured provider. Throws `NotFoundError` when none is known. */
  get(name: string): PriceInForce {
    const listed = this.inForce().find(({ model }) => model === name);
    if (listed) return this.withFacts(listed);
    const target = this.targetOf(name);
    const price = this.book.find(target);
    if (!price) throw new NotFoundError(`No price is known for "${name}".`);
    return this.withFacts({ model: name, source: this.originOf(price), version: null, since: null, price });
  }

  /** In force everywhere within a second. Throws `ConflictError` for a price of the configuration file. */
  async set(model: string, prices: PriceOverride): Promise<PriceInForce> {
    requireName(model);
    this.requireOwn(model);
    await this.stored.add([{ model, prices, source: 'api' }]);
    return this.get(model);
  }

  /** The price list is in force again. Throws `NotFoundError` when no price of this name was set. */
  async remove(model: string): Promise<void> {
    this.requireOwn(model);
    await this.stored.reload();
    if (!this.stored.of(model)) throw new NotFoundError(`No price of "${model}" was set through this API.`);
    await this.stored.add([{ model, prices: null, source: 'api' }]);
  }

  /**
   * Takes the prices of LiteLLM's price file over, and tells what could not be. `check` is shown what is going to change;
   * when it throws, nothing does.
   */
  async import(
    file: Readonly<Record<string, unknown>>,
    check: (expected: PriceImportResult) => void = () => {},
  ): Promise<PriceImportResult> {
    const { changes, result } = await this.importOf(file);
    check(result);
    await this.stored.add(changes);
    return result;
  }

  /** What an import would do; nothing is changed. */
  async previewImport(file: Readonly<Record<string, unknown>>): Promise<PriceImportResult> {
    return (await this.importOf(file)).result;
  }

  private async importOf(file: Readonly<Record<string, unknown>>) {
    const { prices, skipped, ignored } = fromLiteLlmPrices(file);
    if (prices.size > MAX_STORED_PRICES) {
      throw new InvalidRequestError(`The file prices more than ${MAX_STORED_PRICES} models: import a part of it.`);
    }
    if (prices.size === 0) {
      const [first] = skipped;
      const why = first
        ? `The first of it, "${first.model}": ${first.reason}.`
        : 'What LiteLLM calls a price file looks like this: { "<model>": { "input_cost_per_token": 0.0000025, … } }.';
      throw new InvalidRequestError(`The file prices no model. ${why}`);
    }
    const declared = new Set(this.declared().map(({ model }) => model));
    const own = [...prices].filter(([model]) => !declared.has(model));
    await this.stored.reload();
    const changes = own
      .filter(([model, stated]) => !isSamePrice(this.stored.of(model), stated))
      .map(([model, stated]) => ({ model, prices: stated, source: 'import' as const }));
    const listed = new Map(this.inForce().map(({ model, price }) => [model, price]));
    const kept = [...prices.keys()].filter((model) => declared.has(model));
    const imported: ImportedPrice[] = [];
    for (const [index, { model, prices: stated }] of changes.entries()) {
      // Each takes half a millisecond where the list does not have the name, and calls are waiting.
      if (index % LOOKED_UP_AT_ONCE === 0) await nextTurn();
      const before = listed.get(model) ?? this.book.find(this.targetOf(model));
      imported.push({ model, before, after: overridePrice(model, stated) });
    }
    const result: PriceImportResult = {
      imported,
      unchanged: own.length - changes.length,
      skipped: [...skipped, ...kept.map((model) => ({ model, reason: 'is priced in the configuration file' }))],
      ignored,
    };
    return { changes, result };
  }

  /** Sorted by name. What is stated for a name of the price list stands in its place. */
  private inForce(): ListedPrice[] {
    const rows = new Map<string, ListedPrice>();
    const nowMs = this.clock.now();
    for (const { id, prices } of this.book.catalogue.providers.flatMap(({ models }) => models)) {
      const listed = priceAt(prices, nowMs);
      if (!listed || rows.has(id)) continue;
      const price = this.book.curated.withServiceTiers(listed, id, id.slice(id.indexOf('/') + 1));
      rows.set(id, { model: id, source: 'catalogue', version: null, since: null, price });
    }
    for (const { model, prices, source, version, since } of this.book.table.stated) {
      const price = overridePrice(model, prices);
      rows.set(model, { model, source, version, since, price });
    }
    return [...rows.values()].sort((a, b) => (a.model < b.model ? -1 : 1));
  }

  /** To look a name up in the price list takes its time: what nobody is shown is not looked up. */
  private withFacts(price: ListedPrice): PriceInForce {
    return { ...price, facts: this.book.table.facts(this.targetOf(price.model)) };
  }

  private targetOf(name: string): PricedTarget {
    const slash = name.indexOf('/');
    const provider = slash > 0 ? name.slice(0, slash) : '';
    return { provider, providerType: this.types.typeOf(provider), model: name.slice(slash + 1) };
  }

  private originOf({ id, source }: ModelPrice): PriceOrigin {
    if (source !== 'override') return 'catalogue';
    return this.book.table.stated.find(({ model }) => model === id)?.source ?? 'config';
  }

  private declared(): readonly StatedPrice[] {
    return this.book.table.stated.filter(({ source }) => source === 'config');
  }

  private requireOwn(model: string): void {
    if (!this.declared().some((price) => price.model === model)) return;
    throw new ConflictError(
      `The price of "${model}" is declared in the configuration file (pricing.overrides): change it there and reload.`,
      'model',
    );
  }
}

function requireName(model: string): void {
  if (isModelName(model)) return;
  throw new InvalidRequestError(
    'model must be a model or provider/model: at most 256 characters without blanks.',
    'model',
  );
}

const cursorOf = (model: string): string => Buffer.from(model).toString('base64url');

/** The database keeps the members of an object in its own order. */
const isSamePrice = (known: StatedPrice | undefined, prices: PriceOverride): boolean =>
  known !== undefined && canonical(known.prices) === canonical(prices);

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
