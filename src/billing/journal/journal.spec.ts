import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { OverloadedError } from '../../core/errors';
import { ManualClock } from '../testing/manual-clock';
import { MemoryUsageStore } from '../testing/memory-usage-store';
import { Adopter } from './adopter';
import { InstanceLock } from './instance-lock';
import { Journal, QUARANTINE } from './journal';
import { journalOptions, type JournalOptions } from './journal-options';
import type { Segment } from './segment';
import { RecordWriter } from './ship-records';
import { Shipper } from './shipper';

let sequence = 0;
const instanceId = (): string => `inst_${process.pid}_${(sequence += 1)}`;

const attempt = (id: string, changes: object = {}) => ({
  id,
  request_id: `req_of_${id}`,
  cost_nano_usd: '7',
  ...changes,
});
const intent = (id: string) =>
  `${JSON.stringify(attempt(id, { status: 'in_doubt', cost_nano_usd: '100' }))}\nnull\n${JSON.stringify({ endpoint: '/v1' })}`;
const settle = (id: string) => JSON.stringify(attempt(id, { status: 'succeeded' }));
const request = (id: string) => JSON.stringify({ id });

describe('journal', () => {
  let root: string;
  let clock: ManualClock;
  let store: MemoryUsageStore;

  beforeEach(() => {
    Logger.overrideLogger(false);
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'journal-'));
    clock = new ManualClock();
    store = new MemoryUsageStore();
  });

  afterEach(() => {
    Logger.overrideLogger(['log', 'warn', 'error']);
    fs.rmSync(root, { recursive: true });
  });

  const options = (changes: Partial<JournalOptions> = {}): JournalOptions =>
    journalOptions(root, { syncIntervalMs: 60_000, shipIntervalMs: 60_000, ...changes });

  const start = (changes: Partial<JournalOptions> = {}): Promise<Journal> =>
    Journal.start(instanceId(), options(changes), clock);

  const ship = async (journal: Journal, changes: Partial<JournalOptions> = {}): Promise<void> => {
    const shipper = new Shipper(journal, new RecordWriter(store, root), options(changes), () => {});
    await shipper.stop(5_000);
  };

  /** What a kill does: the lock is free, and nobody closes anything. */
  const kill = async (journal: Journal): Promise<void> => {
    await (journal as unknown as { lock: InstanceLock }).lock.release();
  };

  const adopt = async (by: Journal, changes: Partial<JournalOptions> = {}): Promise<void> => {
    await new Adopter(by, new RecordWriter(store, root), options(changes), clock).run();
  };

  const segments = (journal: Journal): string[] =>
    fs.readdirSync(journal.directory).filter((name) => name.endsWith('.wal'));

  it('carries settlements and requests to the store, and leaves nothing behind when it closes', async () => {
    const journal = await start();
    journal.intent('att_1', intent('att_1'));
    journal.settle('att_1', settle('att_1'));
    journal.request(request('req_of_att_1'), true);
    expect(journal.stats()).toMatchObject({ backlogRows: 2 });
    clock.advance(3_000);
    expect(journal.stats().oldestMs).toBe(3_000);
    await ship(journal);
    expect(store.attempts.get('att_1')).toMatchObject({ status: 'succeeded' });
    expect([...store.requests.keys()]).toEqual(['req_of_att_1']);
    expect(journal.stats()).toMatchObject({ backlogRows: 0, oldestMs: 0 });
    await journal.close();
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it('drops shipped segments and carries over the intents of attempts that still run', async () => {
    const journal = await start({ segmentBytes: 2_000 });
    journal.intent('att_long', intent('att_long'));
    for (let index = 0; index < 100; index += 1) {
      journal.intent(`att_${index}`, intent(`att_${index}`));
      journal.settle(`att_${index}`, settle(`att_${index}`));
    }
    expect(segments(journal).length).toBeGreaterThan(5);
    await ship(journal, { shipMaxRows: 7 });
    expect(store.attempts.size).toBe(100);
    expect(segments(journal).length).toBeLessThanOrEqual(2);
    await kill(journal);
    const next = await start();
    await adopt(next);
    expect(store.attempts.get('att_long')).toMatchObject({ status: 'in_doubt', cost_nano_usd: '100' });
    expect(store.attempts.size).toBe(101);
    await next.close();
  });

  it('keeps what a dead process was doing when it began long before the end of its journal', async () => {
    const journal = await start();
    for (const id of ['att_first', 'att_second']) journal.intent(id, intent(id));
    for (let index = 0; index < 20; index += 1) {
      journal.intent(`att_${index}`, intent(`att_${index}`));
      journal.settle(`att_${index}`, settle(`att_${index}`));
    }
    await Promise.resolve();
    await kill(journal);
    const next = await start();
    await adopt(next, { shipMaxRows: 2 });
    for (const id of ['att_first', 'att_second'])
      expect(store.attempts.get(id)).toMatchObject({ id, status: 'in_doubt' });
    expect(store.attempts.size).toBe(22);
    await next.close();
  });

  it('refuses new attempts when it is full, but still ends the old ones', async () => {
    const journal = await start({ maxBytes: 4_000 });
    const opened: string[] = [];
    const fill = (): void => {
      for (let index = 0; index < 100; index += 1) {
        journal.intent(`att_${index}`, intent(`att_${index}`));
        opened.push(`att_${index}`);
      }
    };
    expect(fill).toThrow(OverloadedError);
    for (const id of opened) {
      journal.settle(id, settle(id));
      journal.request(request(`req_of_${id}`), true);
    }
    for (let index = 0; index < 100; index += 1) journal.request(request(`refused_${index}`), false);
    expect(journal.stats().lostRequests).toBeGreaterThan(0);
    await ship(journal);
    expect([...store.attempts.keys()].sort()).toEqual(opened.sort());
    expect([...store.requests.keys()].filter((id) => id.startsWith('req_of_')).length).toBe(opened.length);
    await journal.close();
  });

  it('has room again once the database has taken the rows', async () => {
    const journal = await start({ maxBytes: 4_000, segmentBytes: 500 });
    store.isAway = true;
    const one = (index: number): void => {
      journal.intent(`att_${index}`, intent(`att_${index}`));
      journal.settle(`att_${index}`, settle(`att_${index}`));
    };
    let index = 0;
    expect(() => {
      for (; ; index += 1) one(index);
    }).toThrow(OverloadedError);
    await ship(journal);
    expect(() => one(index)).toThrow(OverloadedError);
    store.isAway = false;
    await ship(journal);
    expect(store.attempts.size).toBe(index);
    expect(() => one(index)).not.toThrow();
    await ship(journal);
    await journal.close();
  });

  it('refuses new attempts while the disk fails, and keeps the ends of old ones until it works', async () => {
    let isFull = false;
    const writeSync: JournalOptions['writeSync'] = (fd, bytes, offset, length, position) => {
      if (!isFull) return fs.writeSync(fd, bytes, offset, length, position);
      // Half a record gets through, as on a disk that fills up.
      fs.writeSync(fd, bytes, offset, Math.floor(length / 2), position);
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const journal = await start({ writeSync });
    journal.intent('att_1', intent('att_1'));
    isFull = true;
    expect(() => journal.intent('att_2', intent('att_2'))).toThrow(OverloadedError);
    journal.settle('att_1', settle('att_1'));
    journal.request(request('req_of_att_1'), true);
    expect(() => journal.intent('att_3', intent('att_3'))).toThrow(OverloadedError);
    expect(journal.stats().backlogRows).toBe(2);
    isFull = false;
    journal.intent('att_4', intent('att_4'));
    journal.settle('att_4', settle('att_4'));
    await ship(journal);
    expect([...store.attempts.keys()]).toEqual(['att_1', 'att_4']);
    expect([...store.requests.keys()]).toEqual(['req_of_att_1']);
    await journal.close();
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it('writes ends that come together at once, before anything that waits goes on, and in their order with intents', async () => {
    const written: number[] = [];
    const writeSync: JournalOptions['writeSync'] = (fd, bytes, offset, length, position) => {
      written.push(length);
      return fs.writeSync(fd, bytes, offset, length, position);
    };
    const journal = await start({ writeSync });
    const ids = Array.from({ length: 10 }, (_, index) => `att_${index}`);
    for (const id of ids) journal.intent(id, intent(id));
    expect(written).toHaveLength(10);
    for (const id of ids) journal.settle(id, settle(id));
    for (const id of ids) journal.request(request(`req_of_${id}`), true);
    expect(journal.stats().backlogRows).toBe(20);
    expect(written).toHaveLength(10);
    await Promise.resolve();
    expect(written).toHaveLength(11);
    journal.settle('att_late', settle('att_late'));
    journal.intent('att_next', intent('att_next'));
    expect(written).toHaveLength(12);
    await ship(journal);
    expect(store.attempts.size).toBe(11);
    expect(store.requests.size).toBe(10);
    const used = written.reduce((sum, length) => sum + length, 0);
    expect(journal.end.offset).toBe(used);
    await kill(journal);
    const next = await start();
    await adopt(next);
    expect(store.attempts.get('att_next')).toMatchObject({ status: 'in_doubt' });
    await next.close();
  });

  it('has intents and settlements on the disk at once where each is to be, and requests with the next of them', async () => {
    const journal = await start({ sync: 'each' });
    const isSynced = (): boolean => (journal as unknown as { segment: Segment }).segment.isSynced;
    journal.intent('att_1', intent('att_1'));
    expect(isSynced()).toBe(true);
    journal.request(request('req_refused'), false);
    await Promise.resolve();
    expect(isSynced()).toBe(false);
    journal.request(request('req_other'), false);
    journal.settle('att_1', settle('att_1'));
    expect(isSynced()).toBe(true);
    await ship(journal);
    expect([...store.requests.keys()]).toEqual(['req_refused', 'req_other']);
    await journal.close();
  });

  it('still counts what came while rows were stored', async () => {
    const journal = await start();
    journal.settle('att_1', settle('att_1'));
    await Promise.resolve();
    const { end } = journal;
    clock.advance(1_000);
    journal.settle('att_2', settle('att_2'));
    journal.shipped(end, 1, clock.now());
    clock.advance(500);
    expect(journal.stats()).toMatchObject({ backlogRows: 1, oldestMs: 500 });
    await ship(journal);
    await journal.close();
  });

  it('keeps every end of a write that the disk refuses, and holds no more than a bound', async () => {
    let isFull = true;
    const journal = await start({
      writeSync: (fd, bytes, offset, length, position) => {
        if (!isFull) return fs.writeSync(fd, bytes, offset, length, position);
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
    });
    for (let index = 0; index < 20; index += 1) journal.settle(`att_${index}`, settle(`att_${index}`));
    await Promise.resolve();
    journal.settle('att_20', settle('att_20'));
    expect(journal.stats().backlogRows).toBe(21);
    expect(journal.end.offset).toBe(0);
    isFull = false;
    // Larger than what is held at most: not left to the next microtask.
    for (let index = 0; index < 10; index += 1) {
      journal.request(JSON.stringify({ id: `req_${index}`, text: 'x'.repeat(30_000) }), true);
    }
    expect(journal.end.offset).toBeGreaterThan(200_000);
    await ship(journal);
    expect([...store.attempts.keys()]).toEqual(Array.from({ length: 21 }, (_, index) => `att_${index}`));
    expect(store.requests.size).toBe(10);
    await journal.close();
  });

  it('stores what a dead process left: the settled as settled, the rest in doubt, its requests as interrupted', async () => {
    const dead = await start();
    dead.intent('att_done', intent('att_done'));
    dead.settle('att_done', settle('att_done'));
    dead.request(request('req_of_att_done'), true);
    dead.intent('att_settled', intent('att_settled'));
    dead.settle('att_settled', settle('att_settled'));
    dead.intent('att_open', intent('att_open'));
    await ship(dead);
    await kill(dead);
    const next = await start();
    await adopt(next);
    await adopt(next);
    expect([...store.attempts.values()].map(({ id, status }) => [id, status])).toEqual([
      ['att_done', 'succeeded'],
      ['att_settled', 'succeeded'],
      ['att_open', 'in_doubt'],
    ]);
    expect([...store.requests.values()].map(({ id, cost_nano_usd }) => [id, cost_nano_usd])).toEqual([
      ['req_of_att_done', undefined],
      ['req_of_att_settled', '7'],
      ['req_of_att_open', '100'],
    ]);
    expect(fs.readdirSync(root)).toEqual([next.instanceId]);
    await next.close();
  });

  it('never touches the journal of a process that lives', async () => {
    const living = await start();
    living.intent('att_1', intent('att_1'));
    const other = await start();
    await adopt(other);
    expect(store.attempts.size).toBe(0);
    expect(fs.existsSync(living.directory)).toBe(true);
    await living.close();
    await other.close();
  });

  it('leaves the journal of another container alone until it has been silent', async () => {
    const dead = await start();
    dead.intent('att_1', intent('att_1'));
    await kill(dead);
    const owner = path.join(dead.directory, 'owner.json');
    fs.writeFileSync(owner, JSON.stringify({ domain: 'elsewhere' }));
    fs.utimesSync(owner, clock.now() / 1000, clock.now() / 1000);
    const next = await start();
    clock.advance(59_000);
    await adopt(next);
    expect(store.attempts.size).toBe(0);
    clock.advance(2_000);
    await adopt(next);
    expect(store.attempts.get('att_1')).toMatchObject({ status: 'in_doubt' });
    await next.close();
  });

  it('keeps the journal of a dead process while the database is away, and counts its bytes', async () => {
    const dead = await start();
    dead.intent('att_1', intent('att_1'));
    dead.settle('att_1', settle('att_1'));
    await kill(dead);
    const next = await start();
    store.isAway = true;
    await adopt(next);
    expect(next.stats().bytes).toBeGreaterThan(100);
    store.isAway = false;
    await adopt(next);
    expect(store.attempts.get('att_1')).toMatchObject({ status: 'succeeded' });
    expect(next.stats().bytes).toBe(0);
    await next.close();
  });

  it('puts a row aside that the store will never take, and stores all others', async () => {
    const journal = await start();
    store.isBad = (row) => row.id === 'att_13' || row.id === 'req_of_att_40';
    for (let index = 0; index < 60; index += 1) {
      journal.intent(`att_${index}`, intent(`att_${index}`));
      journal.settle(`att_${index}`, settle(`att_${index}`));
      journal.request(request(`req_of_att_${index}`), true);
    }
    journal.request('no json', true);
    await ship(journal);
    expect(store.attempts.size).toBe(59);
    expect(store.requests.size).toBe(59);
    expect(store.writes).toBeLessThan(40);
    const aside = fs.readFileSync(path.join(root, QUARANTINE, 'rows.jsonl'), 'utf8');
    expect(aside.trim().split('\n').length).toBe(3);
    expect(aside).toContain('"att_13"');
    expect(journal.stats().backlogRows).toBe(0);
    await journal.close();
  });

  it('starts with one that nobody can read', async () => {
    const directory = path.join(root, instanceId());
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, '00000001.wal'), 'garbage that is no journal');
    fs.writeFileSync(path.join(directory, 'owner.json'), '');
    fs.utimesSync(directory, clock.now() / 1000, clock.now() / 1000);
    clock.advance(61_000);
    const next = await start();
    await adopt(next);
    expect(store.attempts.size).toBe(0);
    expect(fs.existsSync(directory)).toBe(false);
    expect(fs.readdirSync(path.join(root, QUARANTINE)).length).toBe(1);
    await next.close();
  });

  it('goes on in a new place when its directory was taken over while it looked dead', async () => {
    const journal = await start({ silenceMs: 60 });
    journal.intent('att_1', intent('att_1'));
    journal.settle('att_1', settle('att_1'));
    fs.rmSync(journal.directory, { recursive: true });
    while (!fs.existsSync(journal.directory)) await new Promise((resolve) => setTimeout(resolve, 5));
    journal.intent('att_2', intent('att_2'));
    journal.settle('att_2', settle('att_2'));
    await ship(journal);
    expect([...store.attempts.keys()]).toEqual(['att_2']);
    expect(journal.stats().backlogRows).toBe(0);
    await journal.close();
  });

  it('passes over what went bad on the disk behind its back', async () => {
    const journal = await start({ segmentBytes: 1_000 });
    for (let index = 0; index < 12; index += 1) {
      journal.intent(`att_${index}`, intent(`att_${index}`));
      journal.settle(`att_${index}`, settle(`att_${index}`));
    }
    fs.writeFileSync(path.join(journal.directory, '00000002.wal'), 'noise');
    await ship(journal);
    expect(store.attempts.size).toBeGreaterThan(5);
    expect(store.attempts.has('att_11')).toBe(true);
    expect(fs.readdirSync(path.join(root, QUARANTINE)).length).toBe(1);
    expect(journal.stats().backlogRows).toBe(0);
    await journal.close();
  });

  it('keeps the segments of more running attempts than fit in one', async () => {
    const journal = await start({ segmentBytes: 1_000 });
    const ids = Array.from({ length: 40 }, (_, index) => `att_${index}`);
    for (const id of ids) journal.intent(id, intent(id));
    for (let index = 0; index < 40; index += 1) journal.request(request(`req_${index}`), false);
    await ship(journal);
    expect(segments(journal).length).toBeGreaterThan(5);
    for (const id of ids) journal.settle(id, settle(id));
    await ship(journal);
    expect(segments(journal).length).toBeLessThanOrEqual(2);
    expect([...store.attempts.keys()]).toEqual(ids);
    await journal.close();
  });

  it('keeps an intent on disk while its settlement still waits in memory', async () => {
    let isFull = false;
    const writeSync: JournalOptions['writeSync'] = (...write) => {
      if (isFull) throw new Error('no space left on device');
      return fs.writeSync(...write);
    };
    const journal = await start({ writeSync, segmentBytes: 300 });
    journal.intent('att_1', intent('att_1'));
    for (let index = 0; index < 20; index += 1) journal.request(request(`req_${index}`), false);
    isFull = true;
    journal.settle('att_1', settle('att_1'));
    await ship(journal);
    await kill(journal);
    const next = await start();
    await adopt(next);
    expect(store.attempts.get('att_1')).toMatchObject({ status: 'in_doubt' });
    await next.close();
  });
});
