import fc from 'fast-check';
import { until } from '../../../test/support/until';
import { parseText } from '../guard/parse-text';
import { toBytes, type Neighbour, type VectorIndex, type VectorRecord } from './vector-index';

/** An index with room for `VECTOR_ROOM`, on a clock that the suite turns; `others` share what is put into it. */
export interface IndexUnderTest {
  readonly index: VectorIndex;
  readonly others: readonly VectorIndex[];
  readonly nowMs: () => number;
  advance(milliseconds: number): void;
}

export const VECTOR_ROOM = { vectors: 60, partition: 40 };
const DIMENSION = 24;

export interface IndexKind {
  /** Whether it is searched in this process, which then knows what is in it and has room for two dimensions only. */
  readonly isInProcess: boolean;
}

/** What every index promises, whatever it is made of. */
export function vectorIndexContract(
  open: () => Promise<IndexUnderTest>,
  { isInProcess }: IndexKind = { isInProcess: true },
): void {
  const inProcess = isInProcess ? it : it.skip;
  let test: IndexUnderTest;
  let index: VectorIndex;
  beforeEach(async () => {
    test = await open();
    ({ index } = test);
  });
  afterEach(() => Promise.all([test.index, ...test.others].map((each) => each.close())));

  const unit = (...values: number[]): Int8Array =>
    toBytes(Float32Array.from({ length: DIMENSION }, (_, place) => values[place] ?? 0));
  const record = (id: string, vector: Int8Array, change: Partial<VectorRecord> = {}): VectorRecord => ({
    id,
    partition: 'p',
    vector,
    text: `text of ${id}`,
    floor: 0,
    expiresAtMs: test.nowMs() + 60_000,
    ...change,
  });
  const ids = (found: readonly Neighbour[]): string[] => found.map(({ id }) => id);

  it('finds the nearest first, with their cosine and what was put with them', async () => {
    await index.upsert(record('same', unit(1, 0, 0)));
    await index.upsert(record('near', unit(1, 0.5, 0), { floor: 0.97 }));
    await index.upsert(record('far', unit(0, 1, 0)));
    await index.upsert(record('opposite', unit(-1, 0, 0)));
    const found = await index.search('p', unit(1, 0, 0), 3);
    expect(ids(found)).toEqual(['same', 'near', 'far']);
    expect(found[0]).toEqual({ id: 'same', text: 'text of same', floor: 0, similarity: 1 });
    expect(found[1]?.floor).toBe(0.97);
    expect(found[1]?.similarity).toBeCloseTo(1 / Math.hypot(1, 0.5), 2);
    expect(found[2]?.similarity).toBe(0);
  });

  it('never finds anything of another partition', async () => {
    await index.upsert(record('a', unit(1)));
    expect(index.mayHave('p')).toBe(true);
    if (isInProcess) expect(index.mayHave('q')).toBe(false);
    expect(await index.search('q', unit(1), 5)).toEqual([]);
  });

  inProcess('says whether the guard refuses every text of a partition, of what is in it now', async () => {
    const [question, opposite] = ['How do I enable the guest network?', 'How do I disable the guest network?'];
    const mayHave = (text: string): boolean => index.mayHaveLike('p', parseText(text)!);
    expect(mayHave(question)).toBe(false);
    await index.upsert(record('a', unit(1), { text: question }));
    expect([mayHave(question), mayHave(opposite)]).toEqual([true, false]);
    expect(index.mayHaveLike('q', parseText(question)!)).toBe(false);
    await index.upsert(record('b', unit(0, 1), { text: opposite }));
    expect([mayHave(question), mayHave(opposite)]).toEqual([true, true]);
    expect([index.has('a'), index.has('b'), index.has('c')]).toEqual([true, true, false]);
    await index.remove('a');
    expect([mayHave(question), mayHave(opposite)]).toEqual([false, true]);
    expect(index.has('a')).toBe(false);
    await index.clear();
    expect([mayHave(question), mayHave(opposite), index.has('b')]).toEqual([false, false, false]);
  });

  it('an id is in it once, with the newest', async () => {
    await index.upsert(record('a', unit(1)));
    await index.upsert(record('a', unit(0, 1), { partition: 'q' }));
    expect(await index.search('p', unit(1), 5)).toEqual([]);
    expect(ids(await index.search('q', unit(0, 1), 5))).toEqual(['a']);
    expect((await index.size()).vectors).toBe(1);
  });

  it('finds nothing after its time', async () => {
    await index.upsert(record('short', unit(1), { expiresAtMs: test.nowMs() + 1_000 }));
    await index.upsert(record('long', unit(1, 0.1)));
    test.advance(1_000);
    expect(ids(await index.search('p', unit(1), 5))).toEqual(['long']);
    expect((await index.size()).vectors).toBe(1);
  });

  it('what lies on after another has gone keeps its vector and its time', async () => {
    await index.upsert(record('gone', unit(1)));
    await index.upsert(record('long', unit(1, 0.1)));
    await index.upsert(record('short', unit(0.5, 0.5, 0.7), { expiresAtMs: test.nowMs() + 1_000 }));
    await index.remove('gone');
    const found = await index.search('p', unit(0.5, 0.5, 0.7), 5);
    expect(ids(found)).toEqual(['short', 'long']);
    expect(found[0]?.similarity).toBeCloseTo(1, 5);
    test.advance(1_000);
    expect(ids(await index.search('p', unit(1), 5))).toEqual(['long']);
  });

  it('compares no vectors of different dimensions, and goes on when the encoder is another one', async () => {
    const [short, shorter] = [Int8Array.of(1, 2, 3), Int8Array.of(1, 2)];
    await index.upsert(record('a', unit(1)));
    await index.upsert(record('b', short));
    expect(ids(await index.search('p', unit(1), 5))).toEqual(['a']);
    expect(ids(await index.search('p', short, 5))).toEqual(['b']);
    await index.upsert(record('a', short));
    expect(await index.search('p', unit(1), 5)).toEqual([]);
    expect((await index.size()).vectors).toBe(2);
    if (!isInProcess) return;
    // Of a third one, the first is forgotten.
    await index.upsert(record('c', shorter));
    await index.upsert(record('d', unit(1)));
    expect(ids(await index.search('p', shorter, 5))).toEqual(['c']);
    expect(await index.search('p', short, 5)).toEqual([]);
    expect((await index.size()).vectors).toBe(2);
  });

  inProcess('is never larger than it has room for, and turns out what is used least', async () => {
    for (let number = 0; number < 30; number += 1) await index.upsert(record(`p${number}`, unit(1, number)));
    for (let number = 0; number < 20; number += 1)
      await index.upsert(record(`q${number}`, unit(1, number), { partition: 'q' }));
    await index.search('p', unit(1), 1);
    for (let number = 0; number < 25; number += 1)
      await index.upsert(record(`r${number}`, unit(1, number), { partition: 'r' }));
    expect((await index.size()).vectors).toBe(VECTOR_ROOM.vectors);
    expect(await index.search('p', unit(1), 100)).toHaveLength(30);
    expect((await index.search('q', unit(1), 100)).length).toBe(5);
  });

  it('no partition is larger than its share', async () => {
    for (let number = 0; number < 50; number += 1) await index.upsert(record(`p${number}`, unit(1, number)));
    const found = await index.search('p', unit(1), 100);
    expect(found).toHaveLength(VECTOR_ROOM.partition);
    expect(ids(found)).toContain('p49');
  });

  it('forgets everything at once, and takes what comes after', async () => {
    await index.upsert(record('a', unit(1)));
    await index.clear();
    if (isInProcess) expect(index.mayHave('p')).toBe(false);
    expect((await index.size()).vectors).toBe(0);
    await index.upsert(record('b', unit(1)));
    expect(ids(await index.search('p', unit(1), 5))).toEqual(['b']);
  });

  it('what is put in and taken out is seen by all who share it', async () => {
    await index.upsert(record('a', unit(1)));
    await index.upsert(record('b', unit(1, 1)));
    for (const other of test.others) {
      await until(async () => (await other.search('p', unit(1), 5)).length === 2);
      expect(await other.search('p', unit(1), 5)).toEqual(await index.search('p', unit(1), 5));
    }
    await index.remove('a');
    for (const other of test.others) await until(async () => ids(await other.search('p', unit(1), 5)).join() === 'b');
    await index.clear();
    for (const other of test.others) await until(async () => (await other.size()).vectors === 0);
  });

  it('finds what comparing with everything one by one finds', async () => {
    const vector = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: DIMENSION });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ put: fc.integer({ min: 0, max: 30 }), vector }) },
      { weight: 1, arbitrary: fc.record({ drop: fc.integer({ min: 0, max: 30 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), vector, async (steps, asked) => {
        await index.clear();
        const model = new Map<string, Int8Array>();
        for (const each of steps) {
          if ('put' in each) {
            model.set(String(each.put), unit(...each.vector));
            await index.upsert(record(String(each.put), unit(...each.vector)));
          } else {
            model.delete(String(each.drop));
            await index.remove(String(each.drop));
          }
        }
        const query = unit(...asked);
        const found = await index.search('p', query, 100);
        expect(new Set(ids(found))).toEqual(new Set(model.keys()));
        for (const { id, similarity } of found) expect(similarity).toBeCloseTo(cosineOf(model.get(id)!, query), 6);
        const similarities = found.map(({ similarity }) => similarity);
        expect(similarities).toEqual([...similarities].sort((left, right) => right - left));
      }),
      { numRuns: 15 },
    );
  });
}

function cosineOf(left: Int8Array, right: Int8Array): number {
  const dot = (first: Int8Array, second: Int8Array): number =>
    first.reduce((sum, value, place) => sum + value * second[place]!, 0);
  return dot(left, right) / (Math.sqrt(dot(left, left) * dot(right, right)) || 1);
}
