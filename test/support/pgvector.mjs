// A PostgreSQL with pgvector, in WebAssembly, for a parent process that sends statements.
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';

const database = await PGlite.create({ extensions: { vector } });

process.on('message', async ({ id, statement, values }) => {
  try {
    // Several statements at once take no values.
    const rows = values.length > 0 ? (await database.query(statement, values)).rows : await database.exec(statement);
    process.send({ id, rows });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => process.exit());
process.send({ id: 0, rows: [] });
