import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import type { ChatReply, JsonReply, StreamReply } from '../core/reply';
import { Clock } from '../platform/clock';
import type { CacheEntry } from './answers/cache-entry';
import { judge, type Unstorable } from './answers/storable';
import { StreamRecorder, type Recording } from './answers/stream-recorder';
import type { Asked } from './asked';
import { CacheMetrics } from './cache.metrics';
import type { Flight } from './flights';
import { SimilarQuestions } from './similar-questions';
import { PatientStore } from './store/patient-store';

/** Entries made together do not end together: up to a tenth of their time is taken off. */
const JITTER = 0.1;

/** How an answer is made, and who is told of it when it is complete. */
export interface Production {
  readonly produce: () => Promise<ChatReply>;
  readonly onStored?: (entry: CacheEntry) => void;
}

/** Keeps answers as they pass, and hands them to whoever waits for the same. */
@Injectable()
export class AnswerRecorder {
  constructor(
    private readonly store: PatientStore,
    private readonly similar: SimilarQuestions,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {}

  /** The reply of `produce`, unchanged. It is stored once it is complete, and only when all of it can be replayed. */
  async record(
    context: GatewayContext,
    asked: Asked,
    flight: Flight,
    { produce, onStored }: Production,
  ): Promise<ChatReply> {
    const recording = new Once((result: Recording) => {
      const entry = this.finish(context, asked, flight, result);
      if (entry) onStored?.(entry);
    });
    // However the request ends, nobody waits for it any longer.
    context.defer(() => recording.run('broken'));
    this.similar.prepare(asked);
    try {
      const reply = await produce();
      if (reply.kind === 'stream') return this.recordStream(context, flight, reply, recording);
      recording.run(reply);
      return reply;
    } catch (error) {
      recording.run('broken');
      throw error;
    }
  }

  /** Others may follow it as it comes; while somebody does, it is read on for him when its own client has left. */
  private recordStream(
    context: GatewayContext,
    flight: Flight,
    reply: StreamReply,
    recording: Once<Recording>,
  ): StreamReply {
    let letGo = (): void => {};
    const recorder: StreamRecorder = new StreamRecorder(reply, {
      onEnd: (result) => recording.run(result),
      onFollowed: (isFollowed) => {
        if (isFollowed) letGo = context.keepOpen(() => recorder.clientLeft());
        else letGo();
      },
    });
    const { served: origin, timeoutMs, clampedMaxTokens, outputBound } = context;
    // Nobody's answer is to be cut off by a bound on somebody else's time or money.
    const isWhole = timeoutMs === undefined && clampedMaxTokens === undefined;
    if (origin && isWhole)
      flight.begin({ live: recorder.live, origin, outputBound, cost: () => context.attempts?.cost() ?? 0n });
    return recorder.recorded();
  }

  private finish(context: GatewayContext, asked: Asked, flight: Flight, recording: Recording): CacheEntry | null {
    const entry = typeof recording === 'string' ? recording : this.entryOf(context, asked, recording);
    if (typeof entry === 'string') {
      this.metrics.answer(entry);
      context.decide('cache', 'not_stored', { why: entry });
      flight.end();
      return null;
    }
    flight.land(entry);
    context.decide('cache', 'stored', { entry: entry.id });
    // After the answer itself has left: until it is kept, the flight is open and nobody asks again.
    setImmediate(() => void this.keep(asked, flight, entry));
    return entry;
  }

  private async keep(asked: Asked, flight: Flight, entry: CacheEntry): Promise<void> {
    const isKept = await this.store.put(entry, asked.words);
    this.metrics.answer(isKept ? 'stored' : 'not_kept');
    flight.end();
    if (isKept) await this.similar.remember(asked, entry);
  }

  private entryOf(context: GatewayContext, asked: Asked, reply: JsonReply): CacheEntry | Unstorable {
    const verdict = judge(reply);
    if ('why' in verdict) return verdict.why;
    const { served } = context;
    if (!served) return 'broken';
    const now = this.clock.now();
    const { print, scope, request, isOpen, ttlSeconds, staleMs } = asked;
    const expiresAtMs = now + Math.floor(ttlSeconds * 1000 * (1 - JITTER * Math.random()));
    return {
      id: print.id,
      exact: print.exact,
      scope,
      partition: print.partition,
      requestedModel: request.model,
      text: isOpen ? print.text : null,
      answer: verdict.answer,
      origin: {
        provider: served.provider,
        model: served.model,
        fallback: served.fallback,
        costNanoUsd: context.attempts?.cost() ?? 0n,
      },
      createdAtMs: now,
      expiresAtMs,
      keptUntilMs: expiresAtMs + staleMs,
    };
  }
}

/** The first call counts. */
class Once<T> {
  private hasRun = false;

  constructor(private readonly action: (value: T) => void) {}

  run(value: T): void {
    if (this.hasRun) return;
    this.hasRun = true;
    this.action(value);
  }
}
