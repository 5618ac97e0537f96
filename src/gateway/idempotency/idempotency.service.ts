import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { GatewayContext } from '../../core/context';
import type { ChatReply } from '../../core/reply';
import { Clock } from '../../platform/clock';
import { LiveConfig } from '../../platform/config/live-config';
import { AnswerRecorder, type Ending } from './answer-recorder';
import { decodeTranscript, encodeTranscript, replayOf } from './answer-transcript';
import { IdempotencyConfig } from './idempotency.config';
import { AnswerLostError, IdempotencyUnavailableError, OtherBodyError, StillRunningError } from './idempotency.errors';
import type { KeyedRequest } from './idempotency-key';
import { Landings } from './landings';
import { IdempotencyStore, MAX_KEPT_BYTES, type Claim, type Known } from './store/idempotency.store';

/** A replica that has not been heard of for so long is dead. */
const LEASE_MS = 10_000;
const RENEW_MS = 3_000;
/** How often a request asks for the end of one that another replica answers. */
const FIRST_POLL_MS = 50;
const MAX_POLL_MS = 1_000;
/** Answers that are read to their end for clients that have left; beyond it they end with their client. */
const MAX_LEFT = 1_000;

/**
 * Makes sure that requests with one key and one body are charged once: the first is answered, and the others get the
 * same bytes. A first request whose client leaves is answered to its end, because its client will ask again.
 */
@Injectable()
export class IdempotencyService implements OnModuleDestroy {
  private readonly logger = new Logger('Idempotency');
  private readonly landings = new Landings();
  private readonly left = new Set<GatewayContext>();

  constructor(
    private readonly store: IdempotencyStore,
    private readonly config: LiveConfig,
    private readonly clock: Clock,
  ) {}

  /** The answer of the first request with the key, or, for the first, what `produce` gives. Throws the 409s and 422 of the key. */
  async answer(context: GatewayContext, keyed: KeyedRequest, produce: () => Promise<ChatReply>): Promise<ChatReply> {
    const startedMs = this.clock.monotonic();
    const waitMs = Math.min(this.section.wait, context.timeoutMs ?? Infinity);
    let seen: Known | null = null;
    for (let turn = 0; ; turn += 1) {
      const known: Known | null = await this.claim(context, keyed, seen);
      if (known === null) return this.lead(context, keyed, produce);
      if (known.fingerprint !== keyed.fingerprint) throw new OtherBodyError(known.owner);
      if (known.state !== 'running' || !known.isAlive) return this.follow(context, known);
      if (!seen) context.decide('idempotency', 'waiting', { first: known.owner });
      seen = known;
      const leftMs = waitMs - (this.clock.monotonic() - startedMs);
      if (leftMs <= 0 || context.signal.aborted) throw new StillRunningError(known.owner);
      await this.pause(context, keyed.id, Math.min(leftMs, MAX_POLL_MS, FIRST_POLL_MS * 2 ** Math.min(turn, 10)));
    }
  }

  /** Answers that nobody waits for any more end with the process. */
  async onModuleDestroy(): Promise<void> {
    for (const context of this.left) context.close();
    await this.landings.all();
  }

  private get section(): IdempotencyConfig {
    return this.config.section(IdempotencyConfig);
  }

  /** A request that has seen the first one running does not become the first because the store goes away. */
  private async claim(context: GatewayContext, { id, fingerprint }: KeyedRequest, seen: Known | null) {
    const { ttl, on_store_down: policy } = this.section;
    const claim: Claim = { owner: context.requestId, fingerprint, leaseMs: LEASE_MS, ttlMs: ttl };
    try {
      return await this.store.claim(id, claim);
    } catch (error) {
      if (seen) return seen;
      context.decide('idempotency', 'store_away', { policy });
      if (policy === 'deny') throw new IdempotencyUnavailableError(error);
      return this.store.claimAlone(id, claim);
    }
  }

  private async pause(context: GatewayContext, id: string, milliseconds: number): Promise<void> {
    const startedMs = this.clock.monotonic();
    await this.landings.wait(id, milliseconds, context.signal);
    // Waiting for somebody else's provider call is not the gateway's own time.
    context.upstreamMs += this.clock.monotonic() - startedMs;
  }

  private async follow(context: GatewayContext, { owner, state, answer }: Known): Promise<ChatReply> {
    if (state === 'running') throw new AnswerLostError(owner, 'was cut off and may have been charged');
    if (!answer) throw new AnswerLostError(owner, 'was charged, but its answer was incomplete or too long to be kept');
    const transcript = await decodeTranscript(answer);
    context.replayOf = owner;
    context.served = { ...transcript.served, attempts: 0 };
    context.decide('idempotency', 'replayed', { first: owner });
    return replayOf(transcript, context.dialect);
  }

  private async lead(context: GatewayContext, { id }: KeyedRequest, produce: () => Promise<ChatReply>) {
    context.decide('idempotency', 'first');
    const landed = this.landings.open(id);
    const owner = context.requestId;
    const renewal = setInterval(() => void this.store.renew(id, owner, LEASE_MS).catch(() => false), RENEW_MS).unref();
    const recorder = new AnswerRecorder(context, async (ending) => {
      clearInterval(renewal);
      await this.finish(context, id, ending).catch((error: unknown) => this.logger.warn(error));
      landed();
      this.left.delete(context);
      letGo();
    });
    const letGo = context.keepOpen(() => {
      if (this.left.size >= MAX_LEFT) return letGo();
      this.left.add(context);
      context.decide('idempotency', 'client_left');
      void recorder.readAlone();
    });
    // However the request ends, nobody waits for it any longer.
    context.defer(() => void recorder.end('broken'));
    try {
      const reply = await recorder.record(await produce());
      if (this.left.has(context)) void recorder.readAlone();
      return reply;
    } catch (error) {
      await recorder.end('broken');
      throw error;
    }
  }

  private async finish(context: GatewayContext, id: string, ending: Ending): Promise<void> {
    const { requestId: owner } = context;
    const { ttl } = this.section;
    if (typeof ending !== 'string') {
      const answer = await encodeTranscript(ending);
      const isKept = answer.length <= MAX_KEPT_BYTES;
      context.decide('idempotency', isKept ? 'kept' : 'too_large', { bytes: answer.length });
      await this.store.finish(id, owner, isKept ? answer : null, ttl);
      return;
    }
    // What has cost nothing may be tried again under the same key: that is what retries are for.
    if (ending === 'broken' && (context.attempts?.cost() ?? 0n) === 0n) await this.store.release(id, owner);
    else await this.store.finish(id, owner, null, ttl);
  }
}
