import { hash } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { answeredWithin } from '../core/answered-within';
import type { Identity } from '../core/context';
import { InvalidApiKeyError, OverloadedError } from '../core/errors';
import { Clock } from '../platform/clock';
import { DatabaseNotifications } from '../platform/database';
import { Secrets } from '../platform/secrets/secrets';
import { API_KEY_LENGTH, hmacOfKey, parseApiKey, sameHmac } from './api-key';
import { KeyRepository } from './key-repository';

/** The channel on which the triggers of migration 1764000000000 announce changes. */
const CHANNEL = 'access_changed';

const MAX_KNOWN = 50_000;
/** Unknown keys that look right: more of them than this push each other out. */
const MAX_UNKNOWN = 10_000;
/** How old an answer may be when nobody tells us of changes. */
const UNTOLD_MAX_AGE_MS = 1_000;
/** How long keys go on working without a database that could confirm them. */
const STALE_MAX_AGE_MS = 10 * 60_000;
/** A database that does not answer within this is treated as away for `RETRY_MS`. */
const LOAD_TIMEOUT_MS = 1_000;
/** The same for a key that memory cannot answer for: to wait is better than to refuse. */
const FIRST_LOAD_TIMEOUT_MS = 5_000;
const RETRY_MS = 1_000;
/** Uses that have not been written yet. */
const MAX_USED = 50_000;
const TOUCH_INTERVAL_MS = 30_000;

interface Entry {
  /** Null: no such key. */
  readonly identity: Identity | null;
  readonly expiresAtMs: number;
  /** Monotonic: the answer is at least as new as this. */
  readonly loadedAtMs: number;
  /** Of the service, when the answer was asked for. */
  readonly generation: number;
}

/**
 * Who a key belongs to. Answers come from memory; the database announces changes, which void them within a moment,
 * everywhere. While announcements cannot be heard, answers older than a second are asked again; while the database
 * cannot be reached, known keys go on working for ten minutes.
 */
@Injectable()
export class AccessService implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(AccessService.name);
  private readonly known = new Map<string, Entry>();
  private readonly unknown = new Map<string, Entry>();
  private readonly loading = new Map<string, Promise<Entry>>();
  private used = new Map<string, number>();
  private generation = 0;
  /** Until when the answers of the generation before were known to be right. */
  private lastGenerationHeardAtMs = -Infinity;
  private retryAtMs = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly keys: KeyRepository,
    private readonly notifications: DatabaseNotifications,
    private readonly secrets: Secrets,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.notifications.onReconnect((lastHeardAtMs) => this.doubt(lastHeardAtMs));
    this.notifications.subscribe(CHANNEL, () => this.forget());
    this.timer = setInterval(() => void this.saveUse(), TOUCH_INTERVAL_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.saveUse();
  }

  /**
   * The identity behind a key; at once when it is in memory. Throws `InvalidApiKeyError`, or `OverloadedError` when
   * neither memory nor the database can tell.
   */
  authenticate(presentedKey: string | undefined): Identity | Promise<Identity> {
    if (presentedKey?.length !== API_KEY_LENGTH) throw new InvalidApiKeyError();
    const digest = hash('sha256', presentedKey, 'base64');
    const entry = this.known.get(digest) ?? this.unknown.get(digest);
    if (entry && this.isFresh(entry)) return this.admit(entry);
    const parsed = parseApiKey(presentedKey);
    if (!parsed) throw new InvalidApiKeyError();
    if (entry && this.clock.monotonic() < this.retryAtMs && this.isServable(entry)) return this.admit(entry);
    return this.ask(presentedKey, parsed.publicId, digest);
  }

  private async ask(presentedKey: string, publicId: string, digest: string): Promise<Identity> {
    const loading = this.loading.get(digest) ?? this.load(presentedKey, publicId, digest);
    const timeoutMs = this.servable(digest) ? LOAD_TIMEOUT_MS : FIRST_LOAD_TIMEOUT_MS;
    let entry: Entry;
    try {
      entry = await answeredWithin(timeoutMs, loading);
    } catch (error) {
      this.logger.warn(`Keys cannot be looked up: ${error instanceof Error ? error.message : String(error)}`);
      this.retryAtMs = this.clock.monotonic() + RETRY_MS;
      const old = this.servable(digest);
      if (old) return this.admit(old);
      throw new OverloadedError(
        'The API key cannot be checked: the database does not answer. Try again soon.',
        RETRY_MS,
      );
    }
    return this.admit(entry);
  }

  private load(presentedKey: string, publicId: string, digest: string): Promise<Entry> {
    const loading = this.find(presentedKey, publicId)
      .then((entry) => {
        // What was asked before a change was announced may be from before the change.
        if (entry.generation === this.generation) this.keep(digest, entry);
        return entry;
      })
      .finally(() => {
        if (this.loading.get(digest) === loading) this.loading.delete(digest);
      });
    this.loading.set(digest, loading);
    return loading;
  }

  private async find(presentedKey: string, publicId: string): Promise<Entry> {
    const asked = { generation: this.generation, loadedAtMs: this.clock.monotonic() };
    const hmac = hmacOfKey(this.secrets.apiKeyPepper, presentedKey);
    const stored = await this.keys.find(publicId);
    if (!stored || !sameHmac(hmac, stored.hmac)) return { ...asked, identity: null, expiresAtMs: Infinity };
    return { ...asked, identity: stored.identity, expiresAtMs: stored.expiresAtMs };
  }

  private keep(digest: string, entry: Entry): void {
    this.known.delete(digest);
    this.unknown.delete(digest);
    if (entry.identity) put(this.known, digest, entry, MAX_KNOWN);
    else put(this.unknown, digest, entry, MAX_UNKNOWN);
  }

  private admit(entry: Entry): Identity {
    const now = this.clock.now();
    if (!entry.identity || now >= entry.expiresAtMs) throw new InvalidApiKeyError();
    this.used.set(entry.identity.keyId, now);
    if (this.used.size >= MAX_USED) void this.saveUse();
    return entry.identity;
  }

  private isFresh(entry: Entry): boolean {
    if (entry.generation !== this.generation) return false;
    return this.notifications.isConnected || this.ageMs(entry) <= UNTOLD_MAX_AGE_MS;
  }

  private servable(digest: string): Entry | undefined {
    const entry = this.known.get(digest);
    return entry && this.isServable(entry) ? entry : undefined;
  }

  private isServable(entry: Entry): boolean {
    return entry.identity !== null && this.ageMs(entry) <= STALE_MAX_AGE_MS;
  }

  /** For how long it has been possible that this answer is not right any more. */
  private ageMs(entry: Entry): number {
    let rightAtMs = entry.loadedAtMs;
    if (entry.generation === this.generation) rightAtMs = Math.max(rightAtMs, this.notifications.heardAtMs);
    if (entry.generation === this.generation - 1) rightAtMs = Math.max(rightAtMs, this.lastGenerationHeardAtMs);
    return this.clock.monotonic() - rightAtMs;
  }

  /** A change was announced: everything may be wrong now. */
  private forget(): void {
    this.doubt(-Infinity);
    this.known.clear();
    this.unknown.clear();
  }

  /** Announcements may have been missed: everything is asked again, and serves only while the database is away. */
  private doubt(lastHeardAtMs: number): void {
    this.generation += 1;
    this.lastGenerationHeardAtMs = lastHeardAtMs;
    this.loading.clear();
  }

  private async saveUse(): Promise<void> {
    const used = this.used;
    this.used = new Map();
    try {
      await this.keys.touch(used);
    } catch (error) {
      // When a key was last used is told on a page; it is not worth keeping for a database that is away.
      this.logger.debug(`The last use of ${used.size} keys was not recorded: ${String(error)}`);
    }
  }
}

/** Adds to a map that forgets its oldest entry when it is full. */
function put(map: Map<string, Entry>, digest: string, entry: Entry, max: number): void {
  const oldest = map.size >= max ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
  map.set(digest, entry);
}
