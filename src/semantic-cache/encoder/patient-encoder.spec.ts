import type { Identity } from '../../core/context';
import { MetricsRegistry } from '../../platform/metrics/metrics';
import { CacheMetrics } from '../cache.metrics';
import { PatientEncoder, type Asker } from './patient-encoder';
import { PromptEncoder, type Encoded } from './prompt-encoder';

/** Answers when the test says so. */
class HeldEncoder extends PromptEncoder {
  override readonly name = 'held';
  override readonly deadlineMs = 20;
  readonly asked: string[] = [];
  private readonly open: ((encoded: Encoded | Error) => void)[] = [];

  override encode(text: string): Promise<Encoded> {
    this.asked.push(text);
    return new Promise((resolve, reject) =>
      this.open.push((encoded) => (encoded instanceof Error ? reject(encoded) : resolve(encoded))),
    );
  }

  answer(encoded: Encoded | Error): void {
    for (const settle of this.open.splice(0)) settle(encoded);
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
}

const VECTOR = Float32Array.of(1, 0);
const askerWith = (keyId: string, scope: string): Asker => ({ identity: { keyId } as Identity, scope });
const CALLER = askerWith('key_one', 'team:one');
/** Another key of the same team, and one of another team. */
const OTHER = askerWith('key_two', 'team:one');
const STRANGER = askerWith('key_three', 'team:two');

describe('PatientEncoder', () => {
  let now = 0;
  let held: HeldEncoder;
  let patient: PatientEncoder;
  let metrics: MetricsRegistry;
  beforeEach(() => {
    now = 0;
    held = new HeldEncoder();
    const clock = { now: () => now, monotonic: () => now };
    metrics = new MetricsRegistry();
    patient = new PatientEncoder(held, new CacheMetrics(metrics), clock);
  });

  it('asks once for one text, also at the same time', async () => {
    const both = [patient.encode('a', CALLER), patient.encode('a', CALLER)];
    held.answer(VECTOR);
    expect(await Promise.all(both)).toEqual([VECTOR, VECTOR]);
    expect(await patient.encode('a', CALLER)).toBe(VECTOR);
    expect(held.asked).toEqual(['a']);
  });

  it('says what is not read', async () => {
    const asked = patient.encode('a', CALLER);
    held.answer('unreadable');
    expect(await asked).toBe('unreadable');
    expect(await patient.encode('x'.repeat(8_001), CALLER)).toBe('too_long');
    expect(held.asked).toEqual(['a']);
  });

  it('waits no longer than the deadline, and keeps what comes late', async () => {
    expect(await patient.encode('a', CALLER)).toBe('late');
    held.answer(VECTOR);
    await new Promise(setImmediate);
    expect(await patient.encode('a', CALLER)).toBe(VECTOR);
  });

  it('does not ask an encoder that is away more than once a second', async () => {
    for (const text of ['a', 'b', 'c']) {
      const asked = patient.encode(text, CALLER);
      held.answer(new Error('no'));
      expect(await asked).toBe('failed');
    }
    expect(await patient.encode('d', CALLER)).toBe('resting');
    expect(held.asked).toEqual(['a', 'b', 'c']);
    now += 1_000;
    const again = patient.encode('e', CALLER);
    expect(await patient.encode('f', CALLER)).toBe('resting');
    held.answer(VECTOR);
    expect(await again).toBe(VECTOR);
    const next = patient.encode('g', CALLER);
    held.answer(VECTOR);
    expect(await next).toBe(VECTOR);
  });

  it('what one caller does not pay for, another one does, and nobody takes it for a failure', async () => {
    const [first, second] = [patient.encode('a', CALLER), patient.encode('a', OTHER)];
    held.answer('refused');
    expect(await first).toBe('refused');
    await new Promise(setImmediate);
    held.answer(VECTOR);
    expect(await second).toBe(VECTOR);
    for (let number = 0; number < 5; number += 1) {
      const asked = patient.encode(String(number), CALLER);
      held.answer('refused');
      expect(await asked).toBe('refused');
    }
    const again = patient.encode('b', OTHER);
    held.answer(VECTOR);
    expect(await again).toBe(VECTOR);
  });

  it('SEC-2: what another team has asked shows neither in the time that a vector takes nor on its account', async () => {
    const first = patient.encode('a', CALLER);
    const others = patient.encode('a', STRANGER);
    expect(held.asked).toEqual(['a', 'a']);
    held.answer(VECTOR);
    expect(await Promise.all([first, others])).toEqual([VECTOR, VECTOR]);
    const own = patient.encode('b', CALLER);
    held.answer(VECTOR);
    await own;
    expect([patient.knows('b', CALLER), patient.knows('b', OTHER), patient.knows('b', STRANGER)]).toEqual([
      true,
      true,
      false,
    ]);
    const stranger = patient.encode('b', STRANGER);
    expect(held.asked).toEqual(['a', 'a', 'b', 'b']);
    held.answer(VECTOR);
    await stranger;
  });

  it('one text that is late has failed once, however many wait for it', async () => {
    patient.begin('a', CALLER);
    patient.begin('a', CALLER);
    expect(await Promise.all(['a', 'a', 'a', 'a'].map((text) => patient.encode(text, CALLER)))).toEqual(
      Array.from({ length: 4 }, () => 'late'),
    );
    expect(held.asked).toEqual(['a']);
    // Three failures would have it rest.
    const next = patient.encode('b', CALLER);
    held.answer(VECTOR);
    expect(await next).toBe(VECTOR);
  });

  it('begins what somebody will wait for, and counts nothing before that', async () => {
    patient.begin('a', CALLER);
    held.answer(VECTOR);
    await new Promise(setImmediate);
    expect(patient.knows('a', CALLER)).toBe(true);
    expect(await metrics.registry.metrics()).not.toContain('gateway_cache_encodings_total{');
    patient.begin('a', CALLER);
    patient.begin('x'.repeat(8_001), CALLER);
    expect(held.asked).toEqual(['a']);
  });

  it('keeps no more vectors than it has room for', async () => {
    for (let number = 0; number <= 5_000; number += 1) {
      const asked = patient.encode(String(number), CALLER);
      held.answer(VECTOR);
      await asked;
    }
    const count = held.asked.length;
    const first = patient.encode('0', CALLER);
    held.answer(VECTOR);
    await first;
    expect(await patient.encode('5000', CALLER)).toBe(VECTOR);
    expect(held.asked).toHaveLength(count + 1);
  });
});
