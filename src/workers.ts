import cluster from 'node:cluster';
import { EXIT_CONFIG } from './platform/config/load-configuration';

/** A worker that dies is replaced, at most this often in a row: a fault at the start must not spin. */
const RESTART_DELAY_MS = 1000;

/** Runs `count` processes that share the port. Each is a replica of its own; Redis keeps them in agreement. */
export function superviseWorkers(count: number): void {
  let isStopping = false;
  for (let index = 0; index < count; index += 1) cluster.fork();
  cluster.on('exit', (worker, code) => {
    if (isStopping) return;
    if (code === EXIT_CONFIG) process.exit(EXIT_CONFIG);
    process.stderr.write(`worker ${worker.id} ended with code ${code}; starting another\n`);
    setTimeout(() => {
      if (!isStopping) cluster.fork();
    }, RESTART_DELAY_MS);
  });
  const tell = (signal: NodeJS.Signals): void => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
  };
  const stop = (signal: NodeJS.Signals): void => {
    isStopping = true;
    tell(signal);
  };
  // Workers read the configuration again; unhandled it would end this process.
  process.on('SIGHUP', () => tell('SIGHUP'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}
