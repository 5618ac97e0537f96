import { setTimeout as sleep } from 'node:timers/promises';

/** Places in the shared state. */
const [INSIDE, SHUT] = [0, 1];
/** `Atomics.waitAsync` would tell at once, but nothing it waits for keeps a process alive that is stopping. */
const LOOK_AGAIN_MS = 1;

/**
 * The native code of a thread, which must not be running when the thread is ended: a binding made with node-addon-api
 * aborts the whole process (`terminate called after throwing an instance of 'Napi::Error'`) when it comes back to an
 * isolate that has been told to stop. The thread says when it is inside; who wants to end it shuts the section first.
 */
export class NativeSection {
  private readonly state: Int32Array;

  /** `shared`: of the section on the other side. */
  constructor(readonly shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.state = new Int32Array(shared);
  }

  /** For the thread, one call at a time. Once the section is shut nothing is run and the promise stays open: the thread is to end. */
  async run<T>(native: () => Promise<T>): Promise<T> {
    // Said before it is asked: one of the two sides sees the other.
    Atomics.store(this.state, INSIDE, 1);
    try {
      if (Atomics.load(this.state, SHUT) === 0) return await native();
    } finally {
      this.leave();
    }
    return new Promise(() => {});
  }

  /** The thread is outside: said by itself, or by who has seen it end. */
  leave(): void {
    Atomics.store(this.state, INSIDE, 0);
    Atomics.notify(this.state, INSIDE);
  }

  /** Shuts it and waits until the thread is outside, however long that takes. */
  async shut(): Promise<void> {
    Atomics.store(this.state, SHUT, 1);
    while (Atomics.load(this.state, INSIDE) === 1) await sleep(LOOK_AGAIN_MS);
  }

  /** The same where nothing can be awaited any more: blocks, no longer than `ms`. */
  shutNow(ms: number): void {
    Atomics.store(this.state, SHUT, 1);
    Atomics.wait(this.state, INSIDE, 1, ms);
  }
}
