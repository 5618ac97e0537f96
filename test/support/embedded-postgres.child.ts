import { Client } from 'pg';
import { EmbeddedPostgres } from '../../src/platform/database/embedded';

const [dataDirectory = '', mode = 'stay'] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Starts the embedded server, then waits to be killed; with `write` it prints the number of each row it has committed. */
async function main(): Promise<void> {
  const postgres = new EmbeddedPostgres({ dataDirectory, log: say });
  const kind = await postgres.start();
  say(`ready ${JSON.stringify({ kind, pid: postgres.pid, port: postgres.port, url: postgres.url })}`);
  if (mode === 'once') {
    await postgres.stop();
    return;
  }
  process.once('SIGTERM', () => void postgres.stop().then(() => process.exit(0)));
  if (mode === 'write') await write(postgres.url);
  else setInterval(() => {}, 60_000);
}

async function write(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('create table if not exists numbers (n int primary key)');
  for (let n = 1; ; n += 1) {
    await client.query('insert into numbers values ($1)', [n]);
    say(`committed ${n}.`);
  }
}

main().catch((error: unknown) => {
  say(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
