import { PermitDesk, type PermitRequest } from '../store/permit-desk';
import { PERMIT_MS } from '../store/permit-pool';
import type { Admission } from '../store/rate-limit.store';
import { bucketOf, WindowRing } from '../store/window-ring';
import { seededRandom } from './seeded-random';

const TIMEOUT_MS = 50;
/** Smaller limits than in the gateway get permits: a world is told faster. */
const MIN_CALLS = 10;
const KEY = 'r:team:t';

export interface PermitWorld {
  readonly seed: number;
  readonly windowMs: number;
  /** How many windows long the story is. */
  readonly windows: number;
  /** `end` is what the gateway does; `taken` is the tempting mistake. */
  readonly countedAt: 'end' | 'taken';
  /** False: every call asks the store. */
  readonly withPermits: boolean;
  /** Replicas; chosen by the seed when absent. */
  readonly replicas?: number;
  readonly limit?: number;
}

export interface PermitStory {
  readonly limit: number;
  /** The most that any window held. */
  readonly most: number;
  readonly calls: number;
  readonly admitted: number;
  readonly byPermit: number;
  /** Calls of the store. */
  readonly trips: number;
}

interface Replica {
  readonly desk: PermitDesk;
  busyUntilMs: number;
  restsUntilMs: number;
  isSweeping: boolean;
}

/**
 * Replicas with real permit desks around a model of the store: messages that take their time or get lost, replicas that stall,
 * calls that use less than they reserved. Everything is decided by the seed.
 */
export class PermitSimulation {
  private readonly chance: () => number;
  private readonly limit: number;
  private readonly ring: WindowRing;
  private readonly replicas: Replica[];
  private readonly agenda = new Agenda();
  private readonly log: { at: number; cost: number }[] = [];
  private now = 0;
  private calls = 0;
  private byPermit = 0;
  private trips = 0;

  constructor(private readonly world: PermitWorld) {
    this.chance = seededRandom(world.seed);
    const count = world.replicas ?? 1 + Math.floor(this.chance() * 3);
    this.limit = world.limit ?? Math.floor(count * 100 * (1 + this.chance()));
    this.ring = new WindowRing(world.windowMs);
    this.replicas = Array.from({ length: count }, () => ({
      desk: new PermitDesk(() => count, MIN_CALLS),
      busyUntilMs: 0,
      restsUntilMs: 0,
      isSweeping: false,
    }));
  }

  run(): PermitStory {
    const endMs = this.world.windows * this.world.windowMs;
    for (const replica of this.replicas) this.bursts(replica, endMs);
    for (let next = this.agenda.next(); next; next = this.agenda.next()) {
      this.now = next.atMs;
      next.act();
    }
    this.log.sort((a, b) => a.at - b.at);
    return {
      limit: this.limit,
      most: mostInAnyWindow(this.log, this.world.windowMs),
      calls: this.calls,
      admitted: this.log.length,
      byPermit: this.byPermit,
      trips: this.trips,
    };
  }

  /** Calls come in bursts that are hot, with pauses between them; who is refused waits a little. */
  private bursts(replica: Replica, endMs: number): void {
    const burst = (): void => {
      const perMs = 0.3 + this.chance();
      const untilMs = this.now + this.chance() * this.world.windowMs * 0.8;
      const step = (): void => {
        this.call(replica);
        const pause = -Math.log(1 - this.chance()) / perMs;
        const at = Math.max(this.now + pause, replica.restsUntilMs);
        if (at >= endMs) return;
        if (at < untilMs) this.later(replica, at, step);
        else this.later(replica, at + this.chance() * this.world.windowMs * 0.6, burst);
      };
      step();
    };
    this.later(replica, this.chance() * 200, burst);
  }

  /** A replica that is busy does it when it is free again. */
  private later(replica: Replica, atMs: number, act: () => void): void {
    this.agenda.add(atMs, () => {
      if (replica.busyUntilMs > this.now) {
        this.later(replica, replica.busyUntilMs, act);
        return;
      }
      if (this.chance() < 0.0005) replica.busyUntilMs = this.now + this.chance() * 3 * PERMIT_MS;
      act();
    });
  }

  private call(replica: Replica): void {
    this.calls += 1;
    const cost = this.chance() < 0.8 ? 1 : 2;
    const admission: Admission = {
      counters: [{ key: KEY, windowMs: this.world.windowMs, limit: this.limit, cost }],
      slots: [],
    };
    const result = this.world.withPermits ? replica.desk.admit(admission, this.now, this.now) : null;
    if (!result) {
      this.trip(replica, () => this.decide(admission, replica));
      return;
    }
    this.byPermit += 1;
    this.record(replica, cost, result.receipt.buckets[0]!);
    this.askForPermits(replica);
  }

  private decide(admission: Admission, replica: Replica): () => void {
    const { cost } = admission.counters[0]!;
    if (this.ring.sum(this.now) + cost > this.limit) {
      return () => {
        replica.restsUntilMs = this.now + 15;
      };
    }
    const bucket = bucketOf(this.now, this.world.windowMs);
    this.ring.add(bucket, cost);
    this.record(replica, cost, bucket);
    return () => {
      if (!this.world.withPermits) return;
      replica.desk.note(admission, this.now);
      this.askForPermits(replica);
    };
  }

  private record(replica: Replica, reserved: number, bucket: number): void {
    const entry = { at: this.now, cost: reserved };
    this.log.push(entry);
    if (reserved === 1 || this.chance() < 0.5) return;
    this.later(replica, this.now + this.chance() * 400, () =>
      this.trip(replica, () => {
        entry.cost -= 1;
        this.ring.adjust(bucket, -1, this.now);
        return () => {};
      }),
    );
  }

  private askForPermits(replica: Replica): void {
    const requests = replica.desk.takeWanted();
    const askedAtMs = this.now;
    if (requests.length === 0) return;
    const isLost = this.chance() < 0.02;
    if (isLost) this.later(replica, askedAtMs + TIMEOUT_MS, () => replica.desk.unanswered(requests));
    this.trip(replica, () => {
      const grants = requests.map((request) => this.grant(request));
      return () => {
        if (isLost) {
          for (const { bucket, count } of grants) this.giveBack(replica, bucket, count);
          return;
        }
        for (const [index, request] of requests.entries()) replica.desk.granted(request, grants[index]!, askedAtMs);
        this.sweep(replica);
      };
    });
  }

  /** As `sliding-window.lua` does it. */
  private grant({ want }: PermitRequest): { count: number; bucket: number; sum: number } {
    const { windowMs, countedAt } = this.world;
    const room = Math.floor((this.limit - this.ring.sum(this.now)) / (2 * this.replicas.length));
    const count = Math.max(0, Math.min(want, room));
    const bucket = bucketOf(this.now + (countedAt === 'end' ? PERMIT_MS : 0), windowMs);
    this.ring.add(bucket, count);
    return { count, bucket, sum: this.ring.sum(this.now) };
  }

  private sweep(replica: Replica): void {
    if (replica.isSweeping) return;
    replica.isSweeping = true;
    this.later(replica, this.now + PERMIT_MS / 2, () => {
      replica.isSweeping = false;
      for (const { bucket, count } of replica.desk.takeUnused(this.now)) this.giveBack(replica, bucket, count);
      if (!replica.desk.isIdle) this.sweep(replica);
    });
  }

  private giveBack(replica: Replica, bucket: number, count: number): void {
    this.trip(replica, () => {
      this.ring.adjust(bucket, -count, this.now);
      return () => {};
    });
  }

  /** The store does `there` when the message arrives, and the replica what that returns when the answer does. */
  private trip(replica: Replica, there: () => () => void): void {
    this.trips += 1;
    const latency = (): number => (this.chance() < 0.02 ? this.chance() * 60 : 0.1 + this.chance());
    this.agenda.add(this.now + latency(), () => this.later(replica, this.now + latency(), there()));
  }
}

/** What is to happen, in the order of time; a binary heap. */
class Agenda {
  private readonly heap: { readonly atMs: number; readonly order: number; readonly act: () => void }[] = [];
  private added = 0;

  add(atMs: number, act: () => void): void {
    const { heap } = this;
    let at = heap.length;
    heap.push({ atMs, order: this.added++, act });
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.isBefore(parent, at)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  next(): { readonly atMs: number; readonly act: () => void } | null {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last) return null;
    if (heap.length > 0) {
      heap[0] = last;
      this.sink();
    }
    return first;
  }

  private sink(): void {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && this.isBefore(child, least)) least = child;
      }
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private isBefore(left: number, right: number): boolean {
    const [a, b] = [this.heap[left]!, this.heap[right]!];
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  private swap(left: number, right: number): void {
    [this.heap[left], this.heap[right]] = [this.heap[right]!, this.heap[left]!];
  }
}

function mostInAnyWindow(log: readonly { readonly at: number; readonly cost: number }[], windowMs: number): number {
  let [most, sum, first] = [0, 0, 0];
  for (const { at, cost } of log) {
    while (log[first]!.at <= at - windowMs) sum -= log[first++]!.cost;
    sum += cost;
    most = Math.max(most, sum);
  }
  return most;
}
