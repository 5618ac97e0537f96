import { TcpLink } from './tcp-link';

const [url = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** A link in a process of its own, so that a busy test does not slow down what goes over it. SIGUSR2: silence; SIGHUP: speak. */
async function main(): Promise<void> {
  const link = await TcpLink.create(url);
  await link.restore();
  process.on('SIGUSR2', () => link.silence());
  process.on('SIGHUP', () => link.speak());
  say(`linked ${link.through(url)}`);
}

main().catch((error: unknown) => {
  say(`failed: ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
});
