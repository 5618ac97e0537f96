import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { RedisClient } from '../../platform/redis/redis-client';
import { decodeReply, RedisBatch, type BatchReply } from './redis-batch';

/** The version of what is stored: part of every key, so that replicas of two versions do not read each other's state. */
const FORMAT = 1;
const SOURCE = readFileSync(path.join(__dirname, 'sliding-window.lua'), 'utf8');
const SHA = createHash('sha1').update(SOURCE).digest('hex');

/** Redis did not answer, not in time, or not with success. */
export class StoreUnavailableError extends Error {}

export interface ScriptHeader {
  readonly member: string;
  readonly epoch: string;
  /** What this member believes the store's time is; 0 when it has never heard it. */
  readonly estimateMs: number;
  /** How many members it knows of, itself included. */
  readonly members: number;
}

export interface ScriptOptions {
  readonly client: RedisClient;
  /** All keys of an organisation share one hash tag, so that one call may touch them in a cluster. */
  readonly organization: string;
  readonly timeoutMs: number;
  /** Instead of the time of Redis: for tests and simulations. */
  readonly nowMs?: (() => number) | undefined;
}

/** Calls `sliding-window.lua`, with a deadline, whether or not the server has the script. */
export class RedisWindowScript {
  readonly prefix: string;
  private readonly ownKeys: readonly string[];

  constructor(private readonly options: ScriptOptions) {
    this.prefix = `gw:rl:${FORMAT}:{${options.organization}}:`;
    this.ownKeys = [`${this.prefix}clock`, `${this.prefix}roll`];
  }

  batch(): RedisBatch {
    return new RedisBatch(this.prefix);
  }

  /**
   * Rejects with `StoreUnavailableError`, after `timeoutMs` at the latest. `onLate` gets the answer of a call that was given
   * up and was carried out all the same.
   */
  async run(header: ScriptHeader, batch: RedisBatch, onLate: (reply: BatchReply) => void): Promise<BatchReply> {
    let isLate = false;
    const call = this.call(header, batch).then((raw) => {
      const reply = decodeReply(raw);
      if (isLate) onLate(reply);
      return reply;
    });
    try {
      return await withDeadline(call, this.options.timeoutMs);
    } catch (error) {
      isLate = true;
      throw new StoreUnavailableError(error instanceof Error ? error.message : 'failed', { cause: error });
    }
  }

  private async call(header: ScriptHeader, batch: RedisBatch): Promise<unknown> {
    const { client, nowMs } = this.options;
    if (client.status !== 'ready') throw new Error(`not connected (${client.status})`);
    const keys = [...this.ownKeys, ...batch.keys];
    const { member, epoch, estimateMs, members } = header;
    const fields = [member, epoch, Math.floor(estimateMs), members, nowMs ? Math.floor(nowMs()) : -1];
    const parameters = [...keys, ...fields, ...batch.operations];
    try {
      return await client.evalsha(SHA, keys.length, ...parameters);
    } catch (error) {
      // A server that was restarted has no scripts: EVAL brings it and keeps it there.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return client.eval(SOURCE, keys.length, ...parameters);
    }
  }
}

function withDeadline<T>(call: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // After a stall of this process the timer fires before the socket is read: the answer may already be there.
      setImmediate(() => setImmediate(() => reject(new Error(`no answer within ${timeoutMs} ms`))));
    }, timeoutMs);
    call.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
