import cluster from 'node:cluster';
import { EXIT_CONFIG } from './platform/config/load-configuration';
import { onStopSignal, type StopOrder } from './platform/lifecycle/stop-signal';
import { gatherMetrics } from './platform/metrics/worker-metrics';

/** A worker that dies is replaced, at most this often in a row: a fault at the start must not spin. */
const RESTART_DELAY_MS = 1000;
/** What a worker that is to end at once may still take. */
const KILL_DELAY_MS = 2000;

/** What the primary tells its workers. */
interface WorkerOrder {
  readonly stop: StopOrder;
}

/** Runs `count` processes that share the port. Each is a replica of its own; Redis keeps them in agreement. */
export function superviseWorkers(count: number): void {
  let isStopping = false;
  gatherMetrics();
  cluster.on('exit', (worker, code, signal: NodeJS.Signals | null) => {
    const ending = signal === null ? `with code ${code}` : `by ${signal}`;
    if (isStopping) {
      // Who still loads its code has no handler yet, and nothing to drain.
      if (code === 0 || signal === 'SIGTERM' || signal === 'SIGINT') return;
      process.stderr.write(`worker ${worker.id} was told to stop and ended ${ending}\n`);
      process.exitCode = 1;
      return;
    }
    if (code === EXIT_CONFIG) process.exit(EXIT_CONFIG);
    process.stderr.write(`worker ${worker.id} ended ${ending}; starting another\n`);
    setTimeout(() => {
      if (!isStopping) cluster.fork();
    }, RESTART_DELAY_MS);
  });
  const workers = () => Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected() === true);
  // Workers read the configuration again; unhandled it would end this process.
  process.on('SIGHUP', () => {
    for (const worker of workers()) worker?.process.kill('SIGHUP');
  });
  onStopSignal((stop) => {
    isStopping = true;
    for (const worker of workers()) worker?.send({ stop } satisfies WorkerOrder, () => undefined);
    if (!stop.now) return;
    process.exitCode = 1;
    // One that hangs hears nothing.
    setTimeout(() => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
    }, KILL_DELAY_MS).unref();
  });
  // When it can be told to stop, and not before.
  for (let index = 0; index < count; index += 1) cluster.fork();
}

/**
 * Calls `listener` when the primary of this worker stops. By a message and not by a signal: whoever stops a whole process
 * group has signalled this worker already, and twice the same signal would mean at once.
 */
export function onStopOrder(listener: (order: StopOrder) => void): void {
  if (!cluster.isWorker) return;
  process.on('message', (message) => {
    if (typeof message === 'object' && message !== null && 'stop' in message) listener((message as WorkerOrder).stop);
  });
}
