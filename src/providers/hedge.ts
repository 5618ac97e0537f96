import type { ChatReply } from '../core/reply';

/** Starts a call that the signal stops. */
export type Start = (signal: AbortSignal) => Promise<ChatReply>;

type Finish = { readonly reply: ChatReply } | { readonly error: unknown };

interface Runner {
  readonly name: 'first' | 'second';
  readonly controller: AbortController;
  readonly finish: Promise<Finish>;
}

/** Who began to answer first, or, when nobody did, why each failed. `second` is absent when it was never asked. */
export interface RaceResult {
  readonly winner: 'first' | 'second' | null;
  readonly reply: ChatReply | null;
  readonly errors: { readonly first?: unknown; readonly second?: unknown };
}

function start(name: Runner['name'], begin: Start): Runner {
  const controller = new AbortController();
  const finish = begin(controller.signal).then(
    (reply) => ({ reply }),
    (error: unknown) => ({ error }),
  );
  return { name, controller, finish };
}

/** Stops the call that lost, and reads what it has brought so far: so its attempt ends and is settled. */
function stop({ controller, finish }: Runner): void {
  controller.abort();
  void finish.then(async (finished) => {
    if (!('reply' in finished) || finished.reply.kind === 'json') return;
    try {
      for await (const _ of finished.reply.batches);
    } catch {
      // It was cancelled.
    }
  });
}

/**
 * One answer from one or two calls: when the first has not begun to answer by the time `late` resolves, `second` may start
 * another; whichever begins first is kept and the other is stopped. A call that fails leaves the field to the other.
 */
export async function race(begin: Start, late: Promise<void>, second: () => Start | null): Promise<RaceResult> {
  const first = start('first', begin);
  const early = await Promise.race([first.finish, late.then(() => null)]);
  const other = early === null ? second() : null;
  if (other === null) return alone(await first.finish);
  const runners = [first, start('second', other)] as const;
  const quick = await Promise.race(runners.map(async (runner) => ({ runner, finished: await runner.finish })));
  const rival = quick.runner === first ? runners[1] : first;
  if ('reply' in quick.finished) {
    stop(rival);
    return { winner: quick.runner.name, reply: quick.finished.reply, errors: {} };
  }
  const slow = await rival.finish;
  const errors = { [quick.runner.name]: quick.finished.error };
  if ('reply' in slow) return { winner: rival.name, reply: slow.reply, errors };
  return { winner: null, reply: null, errors: { ...errors, [rival.name]: slow.error } };
}

const alone = (finished: Finish): RaceResult =>
  'reply' in finished
    ? { winner: 'first', reply: finished.reply, errors: {} }
    : { winner: null, reply: null, errors: { first: finished.error } };
