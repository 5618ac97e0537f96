import { MetricsRegistry } from '../../platform/metrics/metrics';
import { CacheMetrics } from '../cache.metrics';
import { PatientEncoder } from './patient-encoder';
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

describe('PatientEncoder', () => {
  let now = 0;
  let held: HeldEncoder;
  let patient: PatientEncoder;
  beforeEach(() => {
    now = 0;
    held = new HeldEncoder();
    const clock = { now: () => now, monotonic: () => now };
    patient = new PatientEncoder(held, new CacheMetrics(new MetricsRegistry()), clock);
  });

  it('asks once for one text, also at the same time', async () => {
    const both = [patient.encode('a'), patient.encode('a')];
    held.answer(VECTOR);
    expect(await Promise.all(both)).toEqual([VECTOR, VECTOR]);
    expect(await patient.encode('a')).toBe(VECTOR);
    expect(held.asked).toEqual(['a']);
  });

  it('says what is not read', async () => {
    const asked = patient.encode('a');
    held.answer('unreadable');
    expect(await asked).toBe('unreadable');
    expect(await patient.encode('x'.repeat(8_001))).toBe('too_long');
    expect(held.asked).toEqual(['a']);
  });

  it('waits no longer than the deadline, and keeps what comes late', async () => {
    expect(await patient.encode('a')).toBe('late');
    held.answer(VECTOR);
    await new Promise(setImmediate);
    expect(await patient.encode('a')).toBe(VECTOR);
  });

  it('does not ask an encoder that is away more than once a second', async () => {
    for (const text of ['a', 'b', 'c']) {
      const asked = patient.encode(text);
      held.answer(new Error('no'));
      expect(await asked).toBe('failed');
    }
    expect(await patient.encode('d')).toBe('resting');
    expect(held.asked).toEqual(['a', 'b', 'c']);
    now += 1_000;
    const again = patient.encode('e');
    expect(await patient.encode('f')).toBe('resting');
    held.answer(VECTOR);
    expect(await again).toBe(VECTOR);
    const next = patient.encode('g');
    held.answer(VECTOR);
    expect(await next).toBe(VECTOR);
  });

  it('keeps no more vectors than it has room for', async () => {
    for (let number = 0; number <= 5_000; number += 1) {
      const asked = patient.encode(String(number));
      held.answer(VECTOR);
      await asked;
    }
    const count = held.asked.length;
    const first = patient.encode('0');
    held.answer(VECTOR);
    await first;
    expect(await patient.encode('5000')).toBe(VECTOR);
    expect(held.asked).toHaveLength(count + 1);
  });
});
