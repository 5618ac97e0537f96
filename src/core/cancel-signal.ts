/** What can stop work: an `AbortSignal`, or the much cheaper {@link CancelSignal}. */
export interface Cancellable {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * The part of an `AbortSignal` that a request needs. A real one costs some 30 µs a request (an event target, an event, a
 * listener's bookkeeping), and only SDKs and Node's own APIs insist on it: {@link abortSignalOf}.
 */
export class CancelSignal implements Cancellable {
  private isAborted = false;
  private readonly listeners: (() => void)[] = [];
  private native: AbortController | undefined;

  get aborted(): boolean {
    return this.isAborted;
  }

  /** Tells every listener, each once, in the order in which they came. A second call does nothing. */
  abort(): void {
    if (this.isAborted) return;
    this.isAborted = true;
    for (const listener of this.listeners.splice(0)) listener();
    this.native?.abort();
  }

  /** As of an `AbortSignal`: a listener that comes too late is not called. */
  addEventListener(_: 'abort', listener: () => void): void {
    if (!this.isAborted) this.listeners.push(listener);
  }

  removeEventListener(_: 'abort', listener: () => void): void {
    const index = this.listeners.indexOf(listener);
    if (index >= 0) this.listeners.splice(index, 1);
  }

  /** The same as a real signal; made on first use. */
  toAbortSignal(): AbortSignal {
    if (!this.native) {
      this.native = new AbortController();
      if (this.isAborted) this.native.abort();
    }
    return this.native.signal;
  }
}

/** For APIs that take nothing else. */
export function abortSignalOf(signal: Cancellable): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  if (signal instanceof CancelSignal) return signal.toAbortSignal();
  throw new TypeError('This signal cannot be made an AbortSignal');
}
