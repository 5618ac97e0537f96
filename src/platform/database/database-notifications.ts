import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Client, escapeIdentifier } from 'pg';
import { DataSource } from 'typeorm';
import { Clock } from '../clock';
import type { PostgresOptions } from './database-options';

type Listener = (payload: string) => void;

const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** A connection whose other end has vanished without a word is noticed within two of these. */
const HEARTBEAT_MS = 400;
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * PostgreSQL's LISTEN/NOTIFY on one connection of its own, which is replaced when it breaks. Notifications sent meanwhile
 * are lost: whoever depends on them looks at `isConnected` and starts afresh on `onReconnect`.
 */
@Injectable()
export class DatabaseNotifications implements OnApplicationShutdown {
  private readonly logger = new Logger(DatabaseNotifications.name);
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly reconnectListeners = new Set<(lastHeardAtMs: number) => void>();
  private client: Client | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private isListening = false;
  private isClosed = false;
  private isAwaitingPong = false;
  private retryMs = RECONNECT_FIRST_MS;
  private lastHeardAtMs = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** True while every subscribed channel is listened to. */
  get isConnected(): boolean {
    return this.isListening;
  }

  /** `Clock.monotonic` time until which no notification can have been missed. */
  get heardAtMs(): number {
    return this.lastHeardAtMs;
  }

  /** Calls `listener` with the payload of each notification. Listening starts a moment later: see `onReconnect`. */
  subscribe(channel: string, listener: Listener): void {
    const known = this.listeners.get(channel);
    if (known) {
      known.add(listener);
      return;
    }
    this.listeners.set(channel, new Set([listener]));
    this.isListening = false;
    if (this.client) void this.listen(this.client);
    else if (this.timer === undefined) this.connectAfter(0);
  }

  /**
   * Calls `listener` whenever `isConnected` becomes true, the first time included, with the `heardAtMs` of before:
   * notifications sent since then may have been missed.
   */
  onReconnect(listener: (lastHeardAtMs: number) => void): void {
    this.reconnectListeners.add(listener);
  }

  /** Sends a notification to all replicas, ourselves included. Payloads over 7,999 bytes are refused by PostgreSQL. */
  async notify(channel: string, payload: string): Promise<void> {
    await this.dataSource.query('select pg_notify($1, $2)', [channel, payload]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    this.isListening = false;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => {});
  }

  private connectAfter(delayMs: number): void {
    this.timer = setTimeout(() => void this.connect(), delayMs);
    this.timer.unref();
  }

  private async connect(): Promise<void> {
    const { extra } = this.dataSource.options as PostgresOptions;
    const client = new Client({
      ...(extra as Record<string, unknown>),
      application_name: 'ai-gateway notifications',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    client.on('error', (error) => this.lose(client, error.message));
    client.on('end', () => this.lose(client, 'the connection has ended'));
    client.on('notification', ({ channel, payload }) => this.deliver(channel, payload ?? ''));
    this.client = client;
    // What the connection before left unanswered holds nothing up.
    this.queue = Promise.resolve();
    try {
      await client.connect();
    } catch (error) {
      this.lose(client, error instanceof Error ? error.message : String(error));
      return;
    }
    this.isAwaitingPong = false;
    this.beat(client);
    await this.listen(client);
  }

  private async listen(client: Client): Promise<void> {
    const channels = [...this.listeners.keys()];
    try {
      for (const channel of channels) await this.send(client, `listen ${escapeIdentifier(channel)}`);
    } catch (error) {
      this.lose(client, error instanceof Error ? error.message : String(error));
      return;
    }
    // A channel that came meanwhile has a call of this function of its own.
    if (client !== this.client || channels.length !== this.listeners.size) return;
    const before = this.lastHeardAtMs;
    this.isListening = true;
    this.retryMs = RECONNECT_FIRST_MS;
    this.lastHeardAtMs = this.clock.monotonic();
    for (const listener of this.reconnectListeners) listener(before);
  }

  /** One small query at a time; when the last has not been answered by the next beat, the connection is dead. */
  private beat(client: Client): void {
    this.timer = setTimeout(() => {
      // What has already arrived is read first, should this process have been busy.
      setImmediate(() => this.checkPulse(client));
    }, HEARTBEAT_MS);
    this.timer.unref();
  }

  private checkPulse(client: Client): void {
    if (client !== this.client || this.isClosed) return;
    if (this.isAwaitingPong) {
      this.lose(client, 'the server does not answer');
      return;
    }
    const askedAtMs = this.clock.monotonic();
    this.isAwaitingPong = true;
    this.send(client, 'select 1').then(
      () => this.hear(client, askedAtMs),
      () => {},
    );
    this.beat(client);
  }

  /** One query at a time: the driver takes no second before the first is done. */
  private send(client: Client, text: string): Promise<unknown> {
    const sent = this.queue.then(() => client.query(text));
    this.queue = sent.catch(() => {});
    return sent;
  }

  private hear(client: Client, askedAtMs: number): void {
    if (client !== this.client) return;
    this.isAwaitingPong = false;
    if (this.isListening) this.lastHeardAtMs = askedAtMs;
  }

  private deliver(channel: string, payload: string): void {
    for (const listener of this.listeners.get(channel) ?? []) listener(payload);
  }

  private lose(client: Client, reason: string): void {
    if (client !== this.client || this.isClosed) return;
    if (this.isListening) this.logger.warn(`Notifications of the database are lost (${reason}): reconnecting.`);
    this.client = undefined;
    this.isListening = false;
    clearTimeout(this.timer);
    client.end().catch(() => {});
    this.connectAfter(this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RECONNECT_MAX_MS);
  }
}
