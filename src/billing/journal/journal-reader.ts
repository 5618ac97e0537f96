import * as fs from 'node:fs';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { QUARANTINE, type Position } from './journal';
import { decodeRecord, MAX_RECORD_BYTES, type DecodedRecord } from './record';
import { segmentPath, segmentsIn } from './segment';

/** Holds the largest record, so that reading always gets on. */
const CHUNK_BYTES = MAX_RECORD_BYTES + 64 * 1024;

export interface JournalBatch {
  readonly records: readonly DecodedRecord[];
  /** Behind the last record; pass it to `next` once the batch is dealt with. */
  readonly position: Position;
  /** True when everything up to the end was read. */
  readonly isLast: boolean;
}

/** Reads a journal in order. What is no record is copied to quarantine and skipped to the end of its segment. */
export class JournalReader {
  private readonly logger = new Logger(JournalReader.name);
  private readonly instanceId: string;
  /** Read into again and again: what is thrown away every time is not collected before all memory is. */
  private chunk: Buffer | undefined;

  constructor(
    private readonly root: string,
    private readonly directory: string,
  ) {
    this.instanceId = path.basename(directory);
  }

  /** The end of a journal that nobody writes any more; null when it holds nothing. */
  async lastPosition(): Promise<Position | null> {
    const segment = (await segmentsIn(this.directory)).at(-1);
    if (segment === undefined) return null;
    return { segment, offset: (await fs.promises.stat(segmentPath(this.directory, segment))).size };
  }

  /** The next records between `from` and `end`, at most `maxRecords` of them and a megabyte. They are valid until the next call. */
  async next(from: Position, end: Position, maxRecords: number): Promise<JournalBatch> {
    const upTo = from.segment < end.segment ? Number.POSITIVE_INFINITY : end.offset;
    const chunk = await this.readChunk(from, upTo);
    const { records, offset, fault } = decodeAll(chunk, maxRecords);
    const position = { segment: from.segment, offset: from.offset + offset };
    const atSegmentEnd = chunk.length < CHUNK_BYTES && records.length < maxRecords;
    if (fault && (fault === 'corrupt' || atSegmentEnd)) {
      await this.quarantine(position, fault);
      return this.atNextSegment(records, from.segment, end);
    }
    if (atSegmentEnd && from.segment < end.segment) return this.atNextSegment(records, from.segment, end);
    return { records, position, isLast: position.segment === end.segment && position.offset >= end.offset };
  }

  private atNextSegment(records: readonly DecodedRecord[], segment: number, end: Position): JournalBatch {
    return {
      records,
      position: segment < end.segment ? { segment: segment + 1, offset: 0 } : end,
      isLast: segment >= end.segment,
    };
  }

  /** Empty when the segment is gone. */
  private async readChunk(from: Position, upTo: number): Promise<Buffer> {
    const wanted = Math.min(CHUNK_BYTES, upTo - from.offset);
    if (wanted <= 0) return Buffer.alloc(0);
    const handle = await openOrNull(segmentPath(this.directory, from.segment));
    if (!handle) return Buffer.alloc(0);
    try {
      const bytes = (this.chunk ??= Buffer.allocUnsafeSlow(CHUNK_BYTES));
      let filled = 0;
      for (let got = -1; got !== 0 && filled < wanted; filled += got) {
        got = (await handle.read(bytes, filled, wanted - filled, from.offset + filled)).bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await handle.close();
    }
  }

  /** Keeps what could not be read, for a person to look at. */
  private async quarantine(position: Position, fault: 'partial' | 'corrupt'): Promise<void> {
    const source = segmentPath(this.directory, position.segment);
    const bytes = (await fs.promises.readFile(source)).subarray(position.offset);
    const target = path.join(this.root, QUARANTINE, `${this.instanceId}-${path.basename(source)}-${position.offset}`);
    await fs.promises.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    await fs.promises.writeFile(target, bytes, { mode: 0o600 });
    const what = fault === 'partial' ? 'ends in a torn record' : 'is corrupt';
    this.logger.error(
      `The journal ${source} ${what} at byte ${position.offset}: ${bytes.length} bytes kept in ${target}`,
    );
  }
}

/** `offset` is behind the last whole record; `fault` tells why decoding stopped there. */
function decodeAll(
  chunk: Buffer,
  maxRecords: number,
): { records: DecodedRecord[]; offset: number; fault: 'partial' | 'corrupt' | null } {
  const records: DecodedRecord[] = [];
  let offset = 0;
  while (offset < chunk.length && records.length < maxRecords) {
    const decoded = decodeRecord(chunk, offset);
    if (typeof decoded === 'string') return { records, offset, fault: decoded };
    records.push(decoded);
    offset = decoded.end;
  }
  return { records, offset, fault: null };
}

async function openOrNull(file: string): Promise<fs.promises.FileHandle | null> {
  try {
    return await fs.promises.open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
