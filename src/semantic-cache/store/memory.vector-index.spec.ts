import { GuardIndex } from '../guard/guard-index';
import { parseText } from '../guard/parse-text';
import { MemoryVectorIndex } from './memory.vector-index';
import { vectorIndexContract, VECTOR_ROOM } from './vector-index.contract';

describe('MemoryVectorIndex', () => {
  vectorIndexContract(() => {
    let now = 1_800_000_000_000;
    const index = new MemoryVectorIndex(() => now, VECTOR_ROOM);
    return Promise.resolve({
      index,
      others: [],
      nowMs: () => now,
      advance: (milliseconds) => void (now += milliseconds),
    });
  });

  it('reads what the guard compares by between questions, of all partitions, and what is put in later too', async () => {
    jest.useFakeTimers();
    const index = new MemoryVectorIndex(() => 0);
    const vector = Int8Array.from({ length: 16 }, (_, place) => place);
    const asked = parseText('Is the printer in the garden?')!;
    const fill = async (from: number, count: number): Promise<void> => {
      for (let id = from; id < from + count; id += 1)
        for (const partition of ['p', 'q'])
          await index.upsert({
            id: `${partition}${id}`,
            partition,
            vector,
            text: `How do I reset router ${id}?`,
            floor: 0,
            expiresAtMs: 1_000,
          });
    };
    await fill(0, 40);
    for (const partition of ['p', 'q']) expect(index.mayHaveLike(partition, asked)).toBe(true);
    await jest.advanceTimersByTimeAsync(1_000);
    const read = jest.spyOn(GuardIndex.prototype, 'readSome').mockReturnValue(false);
    for (const partition of ['p', 'q']) expect(index.mayHaveLike(partition, asked)).toBe(false);
    const same = parseText('How do I reset router 39?')!;
    for (const partition of ['p', 'q']) expect(index.mayHaveLike(partition, same)).toBe(true);
    read.mockRestore();
    await fill(40, 40);
    await jest.advanceTimersByTimeAsync(1_000);
    jest.spyOn(GuardIndex.prototype, 'readSome').mockReturnValue(false);
    const later = parseText('How do I reset router 79?')!;
    for (const partition of ['p', 'q']) expect(index.mayHaveLike(partition, later)).toBe(true);
    jest.restoreAllMocks();
    jest.useRealTimers();
  });
});
