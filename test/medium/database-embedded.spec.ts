import { Client } from 'pg';
import { createTestDatabase } from '../support/test-database';

describe('the test services', () => {
  it('give every caller a fresh PostgreSQL database', async () => {
    const urls = [await createTestDatabase(), await createTestDatabase()];
    expect(new Set(urls).size).toBe(2);
    for (const url of urls) {
      const client = new Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query<{ tables: string }>(
        "select count(*) as tables from information_schema.tables where table_schema = 'public'",
      );
      await client.end();
      expect(rows).toEqual([{ tables: '0' }]);
    }
  });
});
