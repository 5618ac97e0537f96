import { Injectable } from '@nestjs/common';
import type { Cancellable } from '../core/cancel-signal';
import type { GatewayContext } from '../core/context';
import { Clock } from '../platform/clock';
import type { CacheEntry } from './answers/cache-entry';
import { isUsable, sameQuestion, type Asked, type Match } from './asked';
import { CacheMetrics } from './cache.metrics';
import type { StreamReply } from '../core/reply';
import { Flights, within, type Flight, type Leading, type Shared } from './flights';
import { EarlyLease, type Lease } from './store/flight-lease';
import { PatientStore } from './store/patient-store';

/** How long a request waits for the same one before it asks for itself. */
const FOLLOW_MS = 10_000;
/** A replica that dies holds others up no longer than this. */
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;
/** How often a follower looks for the answer that another replica is waiting for. */
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 100;

/** An answer that comes for somebody else, as it comes. */
export interface Following {
  readonly reply: StreamReply;
  readonly origin: Shared['origin'];
}

/** The answer that somebody else was or is asking for, or the duty to ask. */
export type Boarding = { readonly match: Match } | { readonly following: Following } | { readonly flight: Flight };

/**
 * Requests for the same answer at the same time: the first asks the provider, the others wait for it, in this process by
 * a promise and on other replicas by a lease in the shared store. A stream follows another one of this process as it comes. Waiting is bounded, and whoever cannot wait any longer,
 * or finds the store away, asks for himself.
 */
@Injectable()
export class SharedFlights {
  private readonly flights = new Flights();

  constructor(
    private readonly store: PatientStore,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {}

  /** Leads without waiting: for an answer that must be a new one. */
  lead({ print }: Asked): Flight {
    return this.flights.lead(print.id);
  }

  /** For how long whoever finds no answer takes the lease with the look-up; undefined where nobody could share what he gets. */
  leaseFor(asked: Asked): number | undefined {
    return canShare(asked) && !asked.controls.onlyIfCached ? LEASE_MS : undefined;
  }

  /** `early`: what the look-up has said of the lease. */
  async board(context: GatewayContext, asked: Asked, early: EarlyLease | 'held' | null): Promise<Boarding> {
    if (!canShare(asked)) return { flight: this.flights.lead(asked.print.id) };
    const startedMs = this.clock.monotonic();
    const deadlineMs = startedMs + waitOf(context);
    try {
      const local = this.flights.following(asked.print.id);
      // Then another request of this process leads, and may be waiting for what this one has.
      if (local && early instanceof EarlyLease) early.release();
      const following = local && (await this.follow(context, asked, { local, deadlineMs }));
      if (following) return { following };
      const entry = local && (await within(local.landed, deadlineMs - this.clock.monotonic(), context.signal));
      if (entry && isUsable(entry, asked, this.clock.now())) return { match: coalesced(sameQuestion(entry, asked)) };
      // Who has waited in vain in this process does not begin to wait for another.
      if (local) return { flight: this.flights.lead(asked.print.id) };
      const flight = this.flights.lead(asked.print.id);
      const found = await this.awaitOthers(context, asked, { flight, deadlineMs, early });
      return found;
    } finally {
      // Waiting for somebody else's provider call is not the gateway's own time.
      const waitedMs = this.clock.monotonic() - startedMs;
      if (waitedMs > FIRST_POLL_MS) context.upstreamMs += waitedMs;
    }
  }

  /** As soon as the answer has begun; null when there is nothing to follow, or it must not be. */
  private async follow(
    context: GatewayContext,
    asked: Asked,
    { local, deadlineMs }: { local: Leading; deadlineMs: number },
  ): Promise<Following | null> {
    // A bound on the whole call could only be kept by cutting the answer off.
    if (!asked.request.stream || context.timeoutMs !== undefined) return null;
    const shared = await within(local.begun, deadlineMs - this.clock.monotonic(), context.signal);
    if (!shared || (shared.origin.fallback && asked.controls.noFallback)) return null;
    // Limits that leave him more, or less, would have given him another answer.
    if (shared.outputBound !== context.outputBound) return null;
    const onComplete = (): void => {
      context.savedNanoUsd = shared.cost();
      this.metrics.saved(context.savedNanoUsd);
    };
    const { signal } = context;
    const followed = shared.live.follow({ includeUsage: asked.request.includeUsage, signal, onComplete });
    if (!followed) return null;
    context.defer(followed.leave);
    return { reply: followed.reply, origin: shared.origin };
  }

  /** This process speaks with one voice: its leader waits for another replica, its followers for their leader. */
  private async awaitOthers(
    context: GatewayContext,
    asked: Asked,
    { flight, deadlineMs, early }: { flight: Flight; deadlineMs: number; early: EarlyLease | 'held' | null },
  ): Promise<Boarding> {
    const { id } = asked.print;
    const known = early instanceof EarlyLease ? early.claim() : early;
    let lease = known ?? (await this.store.lease(id, LEASE_MS));
    let pauseMs = FIRST_POLL_MS;
    while (lease === 'held' && !context.signal.aborted && this.clock.monotonic() < deadlineMs) {
      await pause(pauseMs, context.signal);
      pauseMs = Math.min(LAST_POLL_MS, pauseMs * 2);
      const seen = await this.lookAgain(asked);
      if ('entry' in seen) {
        flight.land(seen.entry);
        flight.end();
        return { match: coalesced(sameQuestion(seen.entry, asked)) };
      }
      ({ lease } = seen);
    }
    return { flight: lease === null || lease === 'held' ? flight : this.leased(flight, lease) };
  }

  /** The answer that has come meanwhile, or what has become of the lease. */
  private async lookAgain(asked: Asked): Promise<{ entry: CacheEntry } | { lease: Lease | 'held' | null }> {
    const found = await this.store.find(asked.print.id, null, { leaseMs: LEASE_MS });
    if (found?.entry && isUsable(found.entry, asked, this.clock.now())) return { entry: found.entry };
    return { lease: found && (found.lease ?? (await this.store.lease(asked.print.id, LEASE_MS))) };
  }

  /** The flight with its lease, which is kept as long as the flight is open and given back at its end. */
  private leased(flight: Flight, lease: Lease): Flight {
    const timer = setInterval(() => void lease.renew(LEASE_MS).catch(() => {}), RENEW_MS).unref();
    let isOver = false;
    return {
      begin: (shared) => flight.begin(shared),
      land: (entry) => flight.land(entry),
      end: () => {
        flight.end();
        if (isOver) return;
        isOver = true;
        clearInterval(timer);
        void lease.release().catch(() => {});
      },
    };
  }
}

const coalesced = (match: Match): Match => ({ ...match, tier: 'coalesced' });

const waitOf = ({ timeoutMs }: GatewayContext): number =>
  timeoutMs === undefined ? FOLLOW_MS : Math.min(FOLLOW_MS, timeoutMs / 2);

function pause(milliseconds: number, signal: Cancellable): Promise<void> {
  const never = new Promise<null>(() => {});
  return within(never, milliseconds, signal).then(() => {});
}

/** A request with tools mostly ends in a call of one, which nobody can share: waiting for it would be in vain. */
const canShare = ({ request }: Asked): boolean => {
  const { tools } = request.document.value;
  return !Array.isArray(tools) || tools.length === 0;
};
