import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, Gauge, type Registry } from 'prom-client';

/** A worker that does not tell its figures within this time is left out: it starts, ends or hangs. */
const TELL_TIMEOUT_MS = 1_000;
/** The primary has nothing else to do; when even it says nothing, the scrape fails. */
const ANSWER_TIMEOUT_MS = 3_000;

type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What the processes of one gateway say to each other. */
type Message =
  | { readonly metrics: 'wanted'; readonly id: number }
  | { readonly metrics: 'tell'; readonly id: number }
  | { readonly metrics: 'told'; readonly id: number; readonly figures: Figures }
  | { readonly metrics: 'gathered'; readonly id: number; readonly text: string };

const isMessage = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && 'metrics' in message;

/**
 * The worker's side: a scrape reaches one of the workers, which asks the primary for the sum of all, and tells its own
 * figures when the primary gathers them.
 */
export class WorkerMetrics {
  private readonly waiting = new Map<number, (text: string) => void>();
  private lastId = 0;

  constructor(private readonly registry: Registry) {
    process.on('message', (message) => {
      if (!isMessage(message)) return;
      // The primary goes on without the figures of a worker that has none to tell.
      if (message.metrics === 'tell') this.tell(message.id).catch(complain);
      if (message.metrics === 'gathered') this.waiting.get(message.id)?.(message.text);
    });
  }

  /** The exposition text of all workers together. Rejects when the primary does not answer. */
  async ofAll(): Promise<string> {
    this.lastId += 1;
    const id = this.lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string>((resolve, reject) => {
        this.waiting.set(id, resolve);
        timer = setTimeout(() => reject(new Error('the metrics of the workers were not gathered')), ANSWER_TIMEOUT_MS);
        process.send?.({ metrics: 'wanted', id } satisfies Message);
      });
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  private async tell(id: number): Promise<void> {
    const figures = await this.registry.getMetricsAsJSON();
    process.send?.({ metrics: 'told', id, figures } satisfies Message);
  }
}

/** The primary's side: gathers the figures of all workers whenever one of them is asked. */
export function gatherMetrics(): void {
  const rounds = new Map<number, (figures: Figures) => void>();
  let lastRound = 0;
  const gather = async (): Promise<string> => {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected() === true);
    lastRound += 1;
    const round = lastRound;
    const told: Figures[] = [];
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TELL_TIMEOUT_MS);
      rounds.set(round, (figures) => {
        told.push(figures);
        if (told.length < workers.length) return;
        clearTimeout(timer);
        resolve();
      });
      for (const worker of workers) send(worker, { metrics: 'tell', id: round });
    });
    rounds.delete(round);
    return expose(told);
  };
  cluster.on('message', (worker, message: unknown) => {
    if (!isMessage(message)) return;
    if (message.metrics === 'told') rounds.get(message.id)?.(message.figures);
    if (message.metrics === 'wanted')
      gather()
        .then((text) => send(worker, { metrics: 'gathered', id: message.id, text }))
        .catch(complain);
  });
}

/** A scrape that fails must not end the process. */
function complain(error: unknown): void {
  process.stderr.write(`the metrics of the workers cannot be gathered: ${String(error)}\n`);
}

/** A worker that has just ended hears nothing. */
function send(worker: Worker | undefined, message: Message): void {
  if (worker?.isConnected() === true) worker.send(message, () => undefined);
}

function expose(told: readonly Figures[]): Promise<string> {
  const all = AggregatorRegistry.aggregate([...told]);
  new Gauge({
    name: 'gateway_workers',
    help: 'Worker processes whose figures are in this scrape.',
    registers: [all],
  }).set(told.length);
  return all.metrics();
}
