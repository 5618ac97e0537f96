import * as fs from 'node:fs';
import path from 'node:path';

const SUFFIX = '.wal';

export const segmentPath = (directory: string, sequence: number): string =>
  path.join(directory, `${sequence.toString().padStart(8, '0')}${SUFFIX}`);

/** The numbers of the segments in a directory, ascending. */
export async function segmentsIn(directory: string): Promise<number[]> {
  const names = await fs.promises.readdir(directory);
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => Number(name.slice(0, -SUFFIX.length)))
    .filter((sequence) => Number.isSafeInteger(sequence) && sequence > 0)
    .sort((a, b) => a - b);
}

/** The system call that tests break. */
export type WriteSync = (fd: number, bytes: Buffer, offset: number, length: number, position: number) => number;

/** One file of the journal, written from front to end. */
export class Segment {
  private readonly fd: number;
  private writtenBytes = 0;
  private syncedBytes = 0;
  private syncing: Promise<void> | null = null;

  /** Creates the file; throws when it cannot or when it exists. */
  constructor(
    directory: string,
    readonly sequence: number,
    private readonly writeSync: WriteSync,
  ) {
    this.fd = fs.openSync(segmentPath(directory, sequence), 'wx', 0o600);
    syncDirectory(directory);
  }

  get size(): number {
    return this.writtenBytes;
  }

  get isSynced(): boolean {
    return this.syncedBytes === this.writtenBytes;
  }

  /** Hands the whole record to the operating system, where it survives the death of the process; throws on failure. */
  append(frame: Buffer): void {
    let done = 0;
    try {
      while (done < frame.length) {
        done += this.writeSync(this.fd, frame, done, frame.length - done, this.writtenBytes + done);
      }
    } catch (error) {
      this.cutBack();
      throw error;
    }
    this.writtenBytes += frame.length;
  }

  syncNow(): void {
    fs.fdatasyncSync(this.fd);
    this.syncedBytes = this.writtenBytes;
  }

  /** At most one runs at a time; callers meanwhile share it. */
  sync(): Promise<void> {
    this.syncing ??= this.syncOnce().finally(() => {
      this.syncing = null;
    });
    return this.syncing;
  }

  /** Syncs and closes, in this order even when the sync fails. */
  async finish(): Promise<void> {
    try {
      await this.syncing?.catch(() => undefined);
      if (!this.isSynced) await this.sync();
    } finally {
      fs.closeSync(this.fd);
    }
  }

  private async syncOnce(): Promise<void> {
    const upTo = this.writtenBytes;
    await new Promise<void>((resolve, reject) => fs.fdatasync(this.fd, (error) => (error ? reject(error) : resolve())));
    this.syncedBytes = Math.max(this.syncedBytes, upTo);
  }

  /** Removes the part of a record that was written. When that fails too, the next record overwrites it. */
  private cutBack(): void {
    try {
      fs.ftruncateSync(this.fd, this.writtenBytes);
    } catch {
      // The reader stops at a torn record, and writing goes on at the same place.
    }
  }
}

/**
 * Makes a new file's name survive a power loss. In the background, as for all that only a power loss takes: it can take
 * a tenth of a second. Some file systems cannot do it; the file itself is synced all the same.
 */
function syncDirectory(directory: string): void {
  fs.open(directory, 'r', (openError, fd) => {
    if (!openError) fs.fsync(fd, () => fs.close(fd));
  });
}
