import { guarantee } from '../../test/support/guarantee';
import { chatRequestOf } from '../core/testing/chat-request';
import { fingerprint, partitionKey } from './fingerprint';
import { parseText } from './guard/parse-text';
import { signatureOf } from './guard/signature';
import { MemoryCacheStore } from './store/memory.cache-store';
import { MemoryVectorIndex } from './store/memory.vector-index';
import { toBytes } from './store/vector-index';
import { entryWith } from './testing/entries';

const SECRET = Buffer.alloc(32, 7);
/** So many that more than 100,000 pairs of them could meet. */
const TENANTS = 320;
const TEXT = 'How do I reset the password of the office router?';
const ALIKE = 'How can I reset the password of the office router?';

const printOf = (tenant: number, content: string) => {
  const request = chatRequestOf({ model: 'm', messages: [{ role: 'user', content }] });
  return fingerprint(SECRET, `team:team_${tenant}`, request);
};

describe('tenants who ask the same', () => {
  it('SEC-1: each finds his own answer, in every tier, and nobody another one', async () => {
    const [store, index] = [new MemoryCacheStore(() => 0), new MemoryVectorIndex(() => 0)];
    const vector = toBytes(Float32Array.from({ length: 64 }, (_, place) => Math.sin(place)));
    const near = toBytes(Float32Array.from({ length: 64 }, (_, place) => Math.sin(place) + 0.02 * Math.cos(place)));
    const wordsOf = (partition: string): string => partitionKey(SECRET, partition, signatureOf(parseText(TEXT)!)!);
    const owner = new Map<string, number>();
    for (let tenant = 0; tenant < TENANTS; tenant += 1) {
      const { id, exact, partition } = printOf(tenant, TEXT);
      owner.set(id, tenant);
      const entry = entryWith({ id, exact, partition, scope: `team:team_${tenant}`, text: TEXT, expiresAtMs: 1 });
      await store.put(entry, wordsOf(partition));
      await index.upsert({ id, partition, vector, text: TEXT, floor: 0, expiresAtMs: 1 });
    }
    expect(owner.size).toBe(TENANTS);
    let [own, foreign] = [0, 0];
    const count = (tenant: number, ids: readonly string[]): void => {
      for (const id of ids) {
        if (owner.get(id) === tenant) own += 1;
        else foreign += 1;
      }
    };
    for (let tenant = 0; tenant < TENANTS; tenant += 1) {
      const same = printOf(tenant, TEXT);
      const found = await store.find(same.id, null);
      count(tenant, found.entry ? [found.entry.id] : []);
      const other = printOf(tenant, ALIKE);
      const { alike } = await store.find(other.id, wordsOf(other.partition));
      count(
        tenant,
        alike.map(({ id }) => id),
      );
      for (const asked of [vector, near]) {
        const neighbours = await index.search(other.partition, asked, 10);
        count(
          tenant,
          neighbours.map(({ id }) => id),
        );
      }
    }
    expect(foreign).toBe(0);
    expect(own).toBe(TENANTS * 4);
    guarantee(
      'SEC-1',
      `${TENANTS * (TENANTS - 1)} pairs of tenants with the same text in 3 tiers: 0 foreign answers, ${own} of ${TENANTS * 4} own`,
    );
  });
});
