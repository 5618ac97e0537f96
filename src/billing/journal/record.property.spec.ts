import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import * as fc from 'fast-check';
import { guarantee } from '../../../test/support/guarantee';
import { QUARANTINE } from './journal';
import { JournalReader } from './journal-reader';
import { decodeRecord, encodeRecord, RecordEncoder, splitRecords, type JournalRecord } from './record';
import { segmentPath } from './segment';

const records = fc.array(
  fc.record({
    kind: fc.constantFrom('intent' as const, 'settle' as const, 'request' as const),
    atMs: fc.nat({ max: 2 ** 47 }),
    payload: fc.json(),
  }),
  { minLength: 1, maxLength: 12 },
);

const WRITTEN: JournalRecord[] = [
  { kind: 'intent', atMs: 1_763_000_000_000, payload: '{"attempt":{"id":"att_1"},"request":{"id":"req_1"}}' },
  { kind: 'settle', atMs: 1_763_000_000_001, payload: '{"id":"att_1","cost_nano_usd":"1500000"}' },
  { kind: 'request', atMs: 1_763_000_000_002, payload: '{"id":"req_1","model":"gpt-4o","key_name":"größe"}' },
  { kind: 'settle', atMs: 1_763_000_000_003, payload: '{"id":"att_2"}' },
];
const NEXT_SEGMENT: JournalRecord = { kind: 'request', atMs: 5, payload: '{"id":"req_9"}' };

describe('journal on disk', () => {
  let root: string;
  let directory: string;

  beforeEach(() => {
    Logger.overrideLogger(false);
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'journal-'));
    directory = path.join(root, 'inst_dead');
    fs.mkdirSync(directory);
  });

  afterEach(() => {
    Logger.overrideLogger(['log', 'warn', 'error']);
    fs.rmSync(root, { recursive: true });
  });

  async function readBack(segments: readonly Buffer[], maxRecords = 1_000): Promise<JournalRecord[]> {
    for (const [index, bytes] of segments.entries()) fs.writeFileSync(segmentPath(directory, index + 1), bytes);
    const reader = new JournalReader(root, directory);
    const end = await reader.lastPosition();
    const found: JournalRecord[] = [];
    if (!end) return found;
    for (let position = { segment: 1, offset: 0 }, isLast = false; !isLast;) {
      const batch = await reader.next(position, end, maxRecords);
      found.push(...batch.records.map(({ kind, atMs, payload }) => ({ kind, atMs, payload: payload.toString() })));
      ({ position, isLast } = batch);
    }
    return found;
  }

  const quarantined = (): Buffer[] => {
    const folder = path.join(root, QUARANTINE);
    if (!fs.existsSync(folder)) return [];
    const files = fs.readdirSync(folder).map((name) => path.join(folder, name));
    const contents = files.map((file) => fs.readFileSync(file));
    for (const file of files) fs.rmSync(file);
    return contents;
  };

  it('reads what was written, over segments and in batches of any size', async () => {
    await fc.assert(
      fc.asyncProperty(records, records, fc.integer({ min: 1, max: 30 }), async (first, second, maxRecords) => {
        const segments = [first, second].map((part) => Buffer.concat(part.map(encodeRecord)));
        expect(await readBack(segments, maxRecords)).toEqual([...first, ...second]);
        expect(quarantined()).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  const frames = WRITTEN.map(encodeRecord);
  const whole = Buffer.concat(frames);
  const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1)).length);
  /** How many records lie whole before this byte. */
  const wholeBefore = (offset: number): number => ends.filter((end) => end <= offset).length;

  it('keeps the whole records and quarantines the rest wherever the file is cut', async () => {
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const found = await readBack([whole.subarray(0, cut), encodeRecord(NEXT_SEGMENT)]);
      const kept = wholeBefore(cut);
      expect(found).toEqual([...WRITTEN.slice(0, kept), NEXT_SEGMENT]);
      const torn = whole.subarray(kept === 0 ? 0 : ends[kept - 1], cut);
      expect(quarantined()).toEqual(torn.length > 0 ? [torn] : []);
    }
  });

  it('never reads a record that was not written, whichever bit is flipped', async () => {
    for (let index = 0; index < whole.length; index += 1) {
      const bit = index % 8;
      const broken = Buffer.from(whole);
      broken.writeUInt8(broken.readUInt8(index) ^ (1 << bit), index);
      const found = await readBack([broken, encodeRecord(NEXT_SEGMENT)]);
      const kept = wholeBefore(index);
      expect(found).toEqual([...WRITTEN.slice(0, kept), NEXT_SEGMENT]);
      expect(quarantined()).toEqual([broken.subarray(kept === 0 ? 0 : ends[kept - 1])]);
    }
    guarantee(
      'USE-5',
      `a journal of ${whole.length} bytes cut at every byte and with a bit flipped in every byte: the valid prefix read, nothing invented`,
    );
  });

  it('takes zeros and noise for what they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (noise) => {
        expect(await readBack([Buffer.concat([whole, Buffer.from(noise)])])).toEqual(WRITTEN);
        expect(await readBack([Buffer.concat([whole, Buffer.alloc(noise.length)])])).toEqual(WRITTEN);
      }),
      { numRuns: 100 },
    );
  });

  it('says partial, not corrupt, of a record that has not all arrived', () => {
    const frame = encodeRecord(NEXT_SEGMENT);
    expect(decodeRecord(frame.subarray(0, frame.length - 1), 0)).toBe('partial');
    expect(decodeRecord(frame, 0)).toEqual({
      ...NEXT_SEGMENT,
      payload: Buffer.from(NEXT_SEGMENT.payload),
      end: frame.length,
    });
  });

  it('takes texts of any length and script one after the other', () => {
    const encoder = new RecordEncoder();
    for (const payload of ['x', '\u{1f600}'.repeat(60_000), '', 'größe'.repeat(30_000), 'y']) {
      const frame = encoder.encode({ kind: 'request', atMs: 7, payload });
      const read = decodeRecord(frame, 0);
      expect(read).toMatchObject({ kind: 'request', atMs: 7, end: frame.length });
      expect(typeof read === 'string' ? read : read.payload.toString()).toBe(payload);
    }
  });

  it('holds records until they are taken, whatever is made behind them, and takes them apart again', () => {
    const texts = fc.array(fc.tuple(fc.string({ maxLength: 30_000, unit: 'grapheme' }), fc.boolean()), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(texts, fc.string(), (made, lastText) => {
        const encoder = new RecordEncoder();
        const held: Buffer[] = [];
        for (const [payload, isHeld] of made) {
          const record = encoder.encode({ kind: 'settle', atMs: 9, payload });
          if (!isHeld) continue;
          held.push(Buffer.from(record));
          encoder.hold(record);
        }
        const last = encoder.encode({ kind: 'intent', atMs: 9, payload: lastText });
        const whole = [...held, Buffer.from(last)];
        expect(encoder.held).toBe(Buffer.concat(held).length);
        const taken = encoder.take(last);
        expect(taken).toEqual(Buffer.concat(whole));
        expect(splitRecords(taken)).toEqual(whole);
        expect(encoder.take()).toHaveLength(0);
      }),
      { numRuns: 200 },
    );
  });
});
