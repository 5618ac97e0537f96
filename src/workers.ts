import cluster from 'node:cluster';

/** A worker that dies is replaced, at most this often in a row: a fault at the start must not spin. */
const RESTART_DELAY_MS = 1000;
const EXIT_CONFIG = 78;

/** Runs `count` processes that share the port. Each is a replica of its own; Redis keeps them in agreement. */
export function superviseWorkers(count: number): void {
  let isStopping = false;
  for (let index = 0; index < count; index += 1) cluster.fork();
  cluster.on('exit', (worker, code) => {
    if (isStopping) return;
    if (code === EXIT_CONFIG) process.exit(EXIT_CONFIG);
    process.stderr.write(`worker ${worker.id} ended with code ${code}; starting another\n`);
    setTimeout(() => cluster.fork(), RESTART_DELAY_MS);
  });
  const stop = (signal: NodeJS.Signals): void => {
    isStopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}
