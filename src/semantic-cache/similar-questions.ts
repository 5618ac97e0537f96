import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { CacheEntry } from './answers/cache-entry';
import { aside } from './aside';
import type { Asked } from './asked';
import { CacheMetrics } from './cache.metrics';
import { Encoders } from './encoder/encoders';
import type { Asker, Unencoded } from './encoder/patient-encoder';
import { parseText } from './guard/parse-text';
import { isNear, judgeLikeness, type LikenessRefusal } from './likeness';
import { BARRED_MS } from './store/cache.store';
import { toBytes, VectorIndex, type Neighbour, type VectorSize } from './store/vector-index';

/** Neighbours that are looked at: what is not among the nearest few is not nearer than they are. */
const MAX_CANDIDATES = 8;
/** How near a question must be to one that was answered wrongly, to be held to more than the threshold. */
const NEIGHBOURHOOD = 0.8;
/** What is asked for beyond the similarity that has given a wrong answer. */
const MARGIN = 0.005;

/** A stored question near the one that is asked, and what speaks against its answer. */
export interface Candidate {
  readonly entryId: string;
  readonly similarity: number;
  /** Whether it is as similar as it must be. */
  readonly isNear: boolean;
  /** None: its answer will do. */
  readonly reasons: () => readonly LikenessRefusal[];
}

/** A question that was answered wrongly, and who has found out. */
export interface Near extends Asker {
  readonly partition: string;
  readonly text: string;
}

export interface Looked {
  /** Nearest first. */
  readonly candidates: readonly Candidate[];
  /** Why no vector could be compared; null when one was, or none was needed. */
  readonly why: string | null;
}

/** Refusals that say no more than that other words are used. */
const WORDS_ONLY: ReadonlySet<LikenessRefusal> = new Set(['content', 'substitution']);

const NOTHING: Looked = { candidates: [], why: null };

/** Finds questions that mean the same by their vectors, in the modes that allow it. Never throws. */
@Injectable()
export class SimilarQuestions implements OnApplicationShutdown {
  private readonly refused = new WeakSet<Asked>();
  /** Whether a vector may find something, of those that the store is asked about: when it is, the vector is being made. */
  private readonly foreseen = new WeakMap<Asked, boolean>();

  constructor(
    private readonly encoders: Encoders,
    private readonly index: VectorIndex,
    private readonly metrics: CacheMetrics,
  ) {}

  /** Whether to look costs nothing and asks no provider. */
  get isFree(): boolean {
    return this.encoders.name === null || this.encoders.isLocal;
  }

  /**
   * False when the answer of no stored question can do, whatever the vectors say, so that nobody need wait for them: there
   * is none to compare with, or, in `balanced` mode, the guard refuses them all. With `cosine` nothing but a vector tells.
   */
  mayFind(asked: Asked): boolean {
    const foreseen = this.foreseen.get(asked);
    if (foreseen !== undefined) return foreseen;
    const partition = this.partitionOf(asked);
    if (partition === null || !this.needsVector(asked)) return false;
    if (asked.mode === 'cosine') return true;
    return asked.parsed !== null && this.index.mayHaveLike(partition, asked.parsed);
  }

  /** Whether a vector is what tells what is near: the mode compares by them, and there is something to compare with. */
  needsVector(asked: Asked): boolean {
    const partition = this.partitionOf(asked);
    return asked.mode !== 'conservative' && partition !== null && this.index.mayHave(partition);
  }

  /** Begins with the vector while the store looks for the same question, where it will be waited for. */
  foresee(asked: Asked): void {
    const { text } = asked.print;
    if (text !== null && this.isForeseen(asked)) this.encoders.begin(text, asked);
  }

  /** As `look`, where that takes no waiting: the vector is known and the index in this process. */
  lookAtHand(asked: Asked): Promise<Looked> | null {
    const { text } = asked.print;
    const isAtHand = text !== null && this.index.isInProcess && this.encoders.knows(text, asked);
    return isAtHand && this.isForeseen(asked) ? this.look(asked) : null;
  }

  /** Whether a vector will be waited for that costs nothing, because the same question does not seem to be stored. */
  private isForeseen(asked: Asked): boolean {
    const { text, id } = asked.print;
    const isFree = text !== null && (this.encoders.isLocal || this.encoders.knows(text, asked));
    if (!isFree || this.index.has(id)) return false;
    const mayFind = this.mayFind(asked);
    this.foreseen.set(asked, mayFind);
    return mayFind;
  }

  /** What was asked before and is near. No vector is made where nothing can be found. */
  async look(asked: Asked): Promise<Looked> {
    const partition = this.partitionOf(asked);
    const { text } = asked.print;
    const isAllowed = asked.mode !== 'conservative';
    if (isAllowed && asked.isOpen && this.encoders.isMissing) return this.missing();
    if (partition === null || text === null || !this.needsVector(asked)) return NOTHING;
    const vector = await this.encode(asked, text);
    if (typeof vector === 'string') return { candidates: [], why: vector };
    try {
      const bytes = toBytes(vector);
      const neighbours = await this.index.search(partition, bytes, MAX_CANDIDATES);
      const floor = Math.max(asked.threshold, await this.floorNear(partition, bytes));
      return { candidates: neighbours.map((neighbour) => candidate(neighbour, asked, floor)), why: null };
    } catch {
      this.metrics.failure('search');
      return { candidates: [], why: 'index_away' };
    }
  }

  /** Stored questions near this one that nothing but their words keeps apart from it, nearest first; none when there is no vector. */
  async nearMisses(asked: Asked, minSimilarity: number): Promise<Candidate[]> {
    const partition = this.partitionOf(asked);
    const { text } = asked.print;
    if (partition === null || text === null) return [];
    const vector = await this.encode(asked, text);
    if (typeof vector === 'string') return [];
    const bytes = toBytes(vector);
    const neighbours = await this.index.search(partition, bytes, MAX_CANDIDATES);
    const floor = Math.max(minSimilarity, await this.floorNear(partition, bytes));
    return neighbours
      .map((neighbour) => candidate(neighbour, { ...asked, mode: 'conservative' }, floor))
      .filter((near) => near.isNear && near.reasons().every((reason) => WORDS_ONLY.has(reason)));
  }

  /** Makes the vector while the provider answers, so that it is there when the answer is to be kept. */
  prepare(asked: Asked): void {
    const { text } = asked.print;
    if (text !== null && this.partitionOf(asked) !== null) void aside().then(() => this.encode(asked, text));
  }

  /** Lets other questions find this one. */
  async remember(asked: Asked, { id, expiresAtMs }: CacheEntry): Promise<void> {
    const partition = this.partitionOf(asked);
    const { text } = asked.print;
    if (partition === null || text === null) return;
    const vector = await this.encode(asked, text);
    if (typeof vector === 'string') return;
    await this.change('index', () =>
      this.index.upsert({ id, partition, vector: toBytes(vector), text, floor: 0, expiresAtMs }),
    );
  }

  /** For an answer that is no longer stored. */
  async forget(id: string): Promise<void> {
    await this.change('index', () => this.index.remove(id));
  }

  /** Nothing, when the index is away. */
  async size(): Promise<VectorSize> {
    try {
      return await this.index.size();
    } catch {
      return { vectors: 0, partitions: 0, bytes: 0 };
    }
  }

  async clear(): Promise<void> {
    await this.change('index', () => this.index.clear());
  }

  /**
   * After a wrong answer: near this question only what is more similar than that answer's question was will do, for thirty
   * days.
   */
  async tighten(near: Near, similarity: number, nowMs: number) {
    const { name } = this.encoders;
    const vector = name === null ? 'off' : await this.encoders.encode(near.text, near);
    if (typeof vector === 'string') return;
    const partition = wrongOf(`${name}:${near.partition}`);
    const record = { partition, vector: toBytes(vector), text: '', floor: Math.min(1, similarity + MARGIN) };
    const id = `wrong:${near.partition}:${near.text}`.slice(0, 256);
    await this.change('index', () => this.index.upsert({ ...record, id, expiresAtMs: nowMs + BARRED_MS }));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.index.close();
  }

  /** A request that may not have a vector, because nobody pays for it, does not ask again: every call is on record. */
  private async encode(asked: Asked, text: string): Promise<Float32Array | Unencoded> {
    if (this.refused.has(asked)) return 'refused';
    const vector = await this.encoders.encode(text, asked);
    if (vector === 'refused') this.refused.add(asked);
    return vector;
  }

  /** Null where nobody looks for likeness. */
  private partitionOf({ mode, followsLinks, isOpen, print }: Asked): string | null {
    const { name } = this.encoders;
    const isSought = mode !== 'conservative' || followsLinks;
    return !isSought || !isOpen || name === null ? null : `${name}:${print.partition}`;
  }

  private missing(): Looked {
    this.metrics.encoding('not_loaded');
    return { candidates: [], why: 'not_loaded' };
  }

  private async floorNear(partition: string, vector: Int8Array): Promise<number> {
    const wrong = wrongOf(partition);
    if (!this.index.mayHave(wrong)) return 0;
    const near = (await this.index.search(wrong, vector, MAX_CANDIDATES)).filter(
      ({ similarity }) => similarity >= NEIGHBOURHOOD,
    );
    return Math.max(0, ...near.map(({ floor }) => floor));
  }

  private async change(operation: 'index', run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch {
      this.metrics.failure(operation);
    }
  }
}

/** Where questions are kept that were given a wrong answer. */
const wrongOf = (partition: string): string => `${partition}!`;

const candidate = ({ id, text, similarity, floor }: Neighbour, { mode, parsed }: Asked, least: number): Candidate => {
  const needed = Math.max(least, floor);
  let judged: readonly LikenessRefusal[] | null = null;
  const reasons = (): readonly LikenessRefusal[] => {
    judged ??= judgeLikeness(
      mode,
      { stored: mode === 'cosine' ? null : parseText(text), asked: parsed },
      similarity,
      needed,
    );
    return judged;
  };
  return { entryId: id, similarity, isNear: isNear(similarity, needed), reasons };
};
