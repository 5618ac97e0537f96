import { once } from 'node:events';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { LimiterReplica } from './limiter-replica';
import type { Flood, LimiterRecord } from './limiter-processes';
import { until } from './until';

const [url = '', organization = '', flood = '{}'] = process.argv.slice(2);
const { windowMs, requests, tokens, members, workers, pauseMs } = JSON.parse(flood) as Flood;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
/** One clock for all processes of this machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A process that asks for more than the limit allows from SIGUSR2 to SIGTERM, and tells then what became of each call. */
async function main(): Promise<void> {
  const replica = await LimiterReplica.start(url, organization);
  await until(() => replica.store.members === members);
  say('ready');
  await once(process, 'SIGUSR2');
  let isOver = false;
  process.once('SIGTERM', () => {
    isOver = true;
  });
  const records: LimiterRecord[] = [];
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const cost = 1 + Math.floor(Math.random() * 5);
      const sentMs = now();
      const result = await replica.store.admit({
        counters: [
          { key: 'r:team:t', windowMs, limit: requests, cost: 1 },
          { key: 't:team:t', windowMs, limit: tokens, cost },
        ],
        slots: [],
      });
      const record = { sentMs, answeredMs: now(), kind: result.kind, cost };
      if (result.kind === 'unavailable') records.push({ ...record, degraded: true });
      else records.push({ ...record, degraded: result.degraded });
      if (result.kind === 'admitted') {
        const last = records[records.length - 1]!;
        if (result.isByPermit) last.isByPermit = true;
        last.cost -= Math.floor(Math.random() * 2) * (cost - 1);
        replica.store.settle(result.receipt, [0, last.cost - cost]);
      }
      if (pauseMs > 0) await sleep(pauseMs);
      else await turn();
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  await replica.stop();
  for (const record of records) say(JSON.stringify(record));
}

main().catch((error: unknown) => {
  say(`failed: ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
});
