/** A window takes about 300 bytes when it is little used and 1.5 KB when it is full. */
const DEFAULT_MAX_KEYS = 200_000;
/** Below this many keys a sweep is not worth its time. */
const MIN_SWEEP_SIZE = 1_000;

interface Window {
  /** What counts at `nowMs`; forgets the rest. */
  sum(nowMs: number): number;
}

/** Windows by key. Empty ones are swept each time the number of keys has doubled; at the cap those opened first go. */
export class WindowMap<T extends Window> {
  private readonly windows = new Map<string, T>();
  private sweepAt = MIN_SWEEP_SIZE;

  constructor(
    private readonly make: (windowMs: number) => T,
    private readonly maxKeys = DEFAULT_MAX_KEYS,
  ) {}

  get(key: string): T | undefined {
    return this.windows.get(key);
  }

  /** The window of `key`, made when there is none. */
  open(key: string, windowMs: number, nowMs: number): T {
    const known = this.windows.get(key);
    if (known) return known;
    this.makeRoom(nowMs);
    const window = this.make(windowMs);
    this.windows.set(key, window);
    return window;
  }

  get size(): number {
    return this.windows.size;
  }

  entries(): IterableIterator<[string, T]> {
    return this.windows.entries();
  }

  private makeRoom(nowMs: number): void {
    if (this.windows.size < Math.min(this.sweepAt, this.maxKeys)) return;
    for (const [key, window] of this.windows) {
      if (window.sum(nowMs) === 0) this.windows.delete(key);
    }
    if (this.windows.size >= this.maxKeys) this.evictOldest();
    this.sweepAt = Math.max(MIN_SWEEP_SIZE, this.windows.size * 2);
  }

  /** A tenth at a time: a sweep for every key beyond the cap would cost more than it keeps. */
  private evictOldest(): void {
    const keep = Math.floor(this.maxKeys * 0.9);
    for (const key of this.windows.keys()) {
      if (this.windows.size <= keep) return;
      this.windows.delete(key);
    }
  }
}
