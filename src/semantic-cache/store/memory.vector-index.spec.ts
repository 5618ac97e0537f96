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
});
