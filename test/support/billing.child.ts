import { writeSync } from 'node:fs';
import { SystemClock } from '../../src/platform/clock';
import { chatRequest, contextOf, event, outcome, usageOf } from '../../src/billing/testing/usage-fixtures';
import { startBilling } from '../medium/billing.support';
import { armFromEnvironment } from './failpoints';

/** Written at once, so that the parent has it even when the next statement never runs. */
const say = (line: string): void => void writeSync(1, `${line}\n`);
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What has ended is on record before anything that waits goes on; a client is told of it no earlier. */
const untilToldOf = (): Promise<void> => Promise.resolve();

const [databaseUrl = '', root = ''] = process.argv.slice(2);
armFromEnvironment();

/** Makes attempts without end and prints each step once it is done; killed at any point, or at the one it was told. */
async function main(): Promise<void> {
  // Small segments and eager shipping, so that a kill also meets rotation, deletion and commits.
  const { billing, directory } = await startBilling(databaseUrl, root, {
    segmentBytes: 20_000,
    shipIntervalMs: 5,
    adoptIntervalMs: 50,
  });
  await directory.reload();
  const clock = new SystemClock();
  say('ready');
  const worker = async (): Promise<void> => {
    for (let round = 0; ; round += 1) {
      const context = contextOf(clock);
      billing.track(context);
      context.attempts = billing.openLedger(context);
      context.request = chatRequest();
      for (let index = 1; index <= 1 + (round % 2); index += 1) {
        const attempt = await context.attempts.open({
          index,
          provider: 'openai',
          model: 'gpt-4o',
          request: context.request,
        });
        say(`opened ${attempt.id} ${context.requestId}`);
        if (round % 3 === 0) await pause(Math.random() * 8);
        attempt.observe(event({ text: 'some text' }));
        attempt.settle(outcome({ usage: usageOf(100 + round, 10) }));
        await untilToldOf();
        say(`settled ${attempt.id} ${attempt.cost()}`);
      }
      context.outcome = { status: 200, errorCode: null };
      context.close();
      await untilToldOf();
      say(`closed ${context.requestId} ${context.attempts.cost()}`);
      await pause(Math.random() * 3);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

main().catch((error: unknown) => {
  say(`failed: ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
});
