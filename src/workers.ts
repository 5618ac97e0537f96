import cluster from 'node:cluster';
import { EXIT_CONFIG } from './platform/config/load-configuration';
import { gatherMetrics } from './platform/metrics/worker-metrics';

/** A worker that dies is replaced, at most this often in a row: a fault at the start must not spin. */
const RESTART_DELAY_MS = 1000;

/** What the primary tells its workers. */
export interface StopOrder {
  readonly stop: NodeJS.Signals;
  /** True when the primary was asked again. */
  readonly now: boolean;
}

/** Runs `count` processes that share the port. Each is a replica of its own; Redis keeps them in agreement. */
export function superviseWorkers(count: number): void {
  let isStopping = false;
  for (let index = 0; index < count; index += 1) cluster.fork();
  gatherMetrics();
  cluster.on('exit', (worker, code) => {
    if (isStopping) {
      if (code !== 0) process.exitCode = 1;
      return;
    }
    if (code === EXIT_CONFIG) process.exit(EXIT_CONFIG);
    process.stderr.write(`worker ${worker.id} ended with code ${code}; starting another\n`);
    setTimeout(() => {
      if (!isStopping) cluster.fork();
    }, RESTART_DELAY_MS);
  });
  const workers = () => Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected() === true);
  const stop = (signal: NodeJS.Signals): void => {
    const order: StopOrder = { stop: signal, now: isStopping };
    isStopping = true;
    for (const worker of workers()) worker?.send(order, () => undefined);
  };
  // Workers read the configuration again; unhandled it would end this process.
  process.on('SIGHUP', () => {
    for (const worker of workers()) worker?.process.kill('SIGHUP');
  });
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

/**
 * Calls `listener` when the primary of this worker stops. By a message and not by a signal: whoever stops a whole process
 * group has signalled this worker already, and twice the same signal would mean at once.
 */
export function onStopOrder(listener: (order: StopOrder) => void): void {
  if (!cluster.isWorker) return;
  process.on('message', (message) => {
    if (typeof message === 'object' && message !== null && 'stop' in message) listener(message as StopOrder);
  });
}
