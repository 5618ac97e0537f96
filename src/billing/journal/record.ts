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

export function encodeRecord({ kind, atMs, payload }: JournalRecord): Buffer {
  const bodyBytes = BODY_PREFIX_BYTES + Buffer.byteLength(payload);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  frame.writeUInt32LE(bodyBytes, 0);
  frame.writeUInt8(KINDS.indexOf(kind) + 1, HEADER_BYTES);
  frame.writeUIntLE(Math.trunc(atMs), HEADER_BYTES + 1, 6);
  frame.write(payload, HEADER_BYTES + BODY_PREFIX_BYTES);
  frame.writeUInt32LE(checksum(frame, 0, bodyBytes), 4);
  return frame;
}

export interface DecodedRecord extends JournalRecord {
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
    payload: bytes.toString('utf8', body + BODY_PREFIX_BYTES, end),
    end,
  };
}

/** Over the length and the body, so that a wrong length never passes for a shorter record. */
function checksum(bytes: Buffer, offset: number, bodyBytes: number): number {
  const body = offset + HEADER_BYTES;
  return crc32(bytes.subarray(body, body + bodyBytes), crc32(bytes.subarray(offset, offset + 4)));
}
