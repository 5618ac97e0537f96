import { crc32 } from 'node:zlib';

/** An attempt about to be made; the end of an attempt; the end of a request. */
export type RecordKind = 'intent' | 'settle' | 'request';

export interface JournalRecord {
  readonly kind: RecordKind;
  readonly atMs: number;
  /** JSON. */
  readonly payload: string;
}

/** Record: length of the body (4 bytes), CRC-32 of length and body (4), body. Body: kind (1), time in ms (6), payload. */
const HEADER_BYTES = 8;
const BODY_PREFIX_BYTES = 7;

/** Far above any record written (they are cut to size where they are made); a longer length is a broken one. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const KINDS: readonly RecordKind[] = ['intent', 'settle', 'request'];

/** Makes records in one piece of memory, one behind the other, because almost all are written soon and never looked at again. */
export class RecordEncoder {
  private bytes = Buffer.allocUnsafe(64 * 1024);
  private heldBytes = 0;

  /** How much is held. */
  get held(): number {
    return this.heldBytes;
  }

  /** The record; what is returned is overwritten by the next call unless it is held. */
  encode({ kind, atMs, payload }: JournalRecord): Buffer {
    this.makeRoom(payload.length);
    const bytes = this.bytes.subarray(this.heldBytes);
    const body = HEADER_BYTES;
    const bodyBytes = BODY_PREFIX_BYTES + bytes.write(payload, body + BODY_PREFIX_BYTES);
    bytes[body] = KINDS.indexOf(kind) + 1;
    bytes.writeUIntLE(Math.trunc(atMs), body + 1, 6);
    // The length stands in front of the body while both are summed up, and then makes room for the sum.
    bytes.writeUInt32LE(bodyBytes, 4);
    const sum = crc32(bytes.subarray(4, body + bodyBytes));
    bytes.writeUInt32LE(sum, 4);
    bytes.writeUInt32LE(bodyBytes, 0);
    return bytes.subarray(0, body + bodyBytes);
  }

  /** Keeps the record that was made last until `take`. */
  hold(record: Buffer): void {
    this.heldBytes += record.length;
  }

  /** What is held, and behind it the record that was made last, if it is named. Nothing is held any more. */
  take(last?: Buffer): Buffer {
    const taken = this.bytes.subarray(0, this.heldBytes + (last?.length ?? 0));
    this.heldBytes = 0;
    return taken;
  }

  /** A character of a string is at most three bytes. */
  private makeRoom(length: number): void {
    const needed = this.heldBytes + HEADER_BYTES + BODY_PREFIX_BYTES + 3 * length;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    this.bytes.copy(larger, 0, 0, this.heldBytes);
    this.bytes = larger;
  }
}

/** A record of its own memory. */
export const encodeRecord = (record: JournalRecord): Buffer => Buffer.from(new RecordEncoder().encode(record));

/** A record as it was read. */
export interface DecodedRecord {
  readonly kind: RecordKind;
  readonly atMs: number;
  /** JSON, in UTF-8. */
  readonly payload: Buffer;
  /** Offset behind the record. */
  readonly end: number;
}

/** `partial`: the bytes end inside a record that may be whole on disk. `corrupt`: what follows is no record. */
export type DecodeResult = DecodedRecord | 'partial' | 'corrupt';

export function decodeRecord(bytes: Buffer, offset: number): DecodeResult {
  const available = bytes.length - offset;
  if (available < HEADER_BYTES) return 'partial';
  const bodyBytes = bytes.readUInt32LE(offset);
  if (bodyBytes < BODY_PREFIX_BYTES || bodyBytes > MAX_RECORD_BYTES) return 'corrupt';
  if (available < HEADER_BYTES + bodyBytes) return 'partial';
  if (checksum(bytes, offset, bodyBytes) !== bytes.readUInt32LE(offset + 4)) return 'corrupt';
  const body = offset + HEADER_BYTES;
  const kind = KINDS[bytes.readUInt8(body) - 1];
  if (!kind) return 'corrupt';
  const end = body + bodyBytes;
  return {
    kind,
    atMs: bytes.readUIntLE(body + 1, 6),
    payload: bytes.subarray(body + BODY_PREFIX_BYTES, end),
    end,
  };
}

/** Whole records that stand one behind the other, each in memory of its own. */
export function splitRecords(records: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < records.length;) {
    const end = at + HEADER_BYTES + records.readUInt32LE(at);
    found.push(Buffer.from(records.subarray(at, end)));
    at = end;
  }
  return found;
}

/** Over the length and the body, so that a wrong length never passes for a shorter record. */
function checksum(bytes: Buffer, offset: number, bodyBytes: number): number {
  const body = offset + HEADER_BYTES;
  return crc32(bytes.subarray(body, body + bodyBytes), crc32(bytes.subarray(offset, offset + 4)));
}
