import { startSimulator } from './simulator';

/** A number of the environment. */
function numberFrom(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new TypeError(`${name} must be a number of 0 or more, not '${text}'`);
  return value;
}

async function main(): Promise<void> {
  const simulator = await startSimulator({
    port: numberFrom('SIMULATOR_PORT', 9090),
    host: process.env['SIMULATOR_HOST'] ?? '127.0.0.1',
    speed: numberFrom('SIMULATOR_SPEED', 1),
    strict: ['1', 'true', 'yes', 'on'].includes(process.env['SIMULATOR_STRICT'] ?? ''),
  });
  process.stdout.write(
    `simulator on ${simulator.url}  OpenAI base URL ${simulator.url}/openai/v1  Anthropic base URL ${simulator.url}/anthropic\n`,
  );
  const stop = (): void => {
    void simulator.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`the simulator did not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
