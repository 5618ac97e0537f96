import { watch, type FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Writers often truncate before they write: a change is looked at once nothing has changed for so long. */
const SETTLE_MS = 100;
/** Network file systems and bind mounts do not tell of changes. */
const POLL_MS = 2_000;

/**
 * Tells when the content of a file has changed and has come to rest. Watches the directory, because editors and
 * orchestrators replace the file rather than write into it, and looks every two seconds as well.
 */
export class FileWatch {
  private watcher: FSWatcher | undefined;
  private settleTimer: NodeJS.Timeout | undefined;
  private pollTimer: NodeJS.Timeout | undefined;
  private isLooking = false;
  private isClosed = false;
  /** What a text must differ from to be told of, and what it was when last looked at. */
  private told: string;
  private seen: string;

  constructor(
    private readonly file: string,
    current: string,
    private readonly onChange: () => void,
  ) {
    this.told = current;
    this.seen = current;
  }

  start(): void {
    try {
      this.watcher = watch(path.dirname(path.resolve(this.file)), { persistent: false }, () => this.lookSoon());
      // A watch that fails leaves the polling.
      this.watcher.on('error', () => this.watcher?.close());
    } catch {
      this.watcher = undefined;
    }
    this.pollTimer = setInterval(() => void this.look(), POLL_MS);
    this.pollTimer.unref();
  }

  close(): void {
    this.isClosed = true;
    this.watcher?.close();
    clearTimeout(this.settleTimer);
    clearInterval(this.pollTimer);
  }

  private lookSoon(): void {
    if (this.isClosed) return;
    clearTimeout(this.settleTimer);
    this.settleTimer = setTimeout(() => void this.look(), SETTLE_MS);
    this.settleTimer.unref();
  }

  private async look(): Promise<void> {
    if (this.isLooking || this.isClosed) return;
    this.isLooking = true;
    // A file that is being replaced is missing for a moment.
    const text = await readFile(this.file, 'utf8').catch(() => this.told);
    this.isLooking = false;
    const isAtRest = text === this.seen;
    this.seen = text;
    if (text === this.told) return;
    if (!isAtRest) {
      this.lookSoon();
      return;
    }
    this.told = text;
    if (!this.isClosed) this.onChange();
  }
}
