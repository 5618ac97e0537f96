import { Journal } from '../../src/billing/journal/journal';
import { PostgresUsageStore } from '../../src/billing/store/postgres-usage-store';
import { UsageMeter } from '../../src/billing/usage-meter';

/** Where a gateway can be killed, by what it has just done or is about to do. */
export const FAILPOINTS = [
  'before-intent',
  'after-intent',
  'first-content',
  'mid-stream',
  'before-settle',
  'after-settle',
  'before-request',
  'after-request',
  'before-store',
  'before-commit',
  'after-commit',
  'after-checkpoint',
  'before-close-instance',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

type Method = (...values: unknown[]) => unknown;

/** Nothing runs after this, no handler and no flush. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

/** Puts something around a method of every instance of a class, private ones included. */
function around(type: { readonly prototype: object }, name: string, change: (method: Method) => Method): void {
  const prototype = type.prototype as Record<string, Method>;
  const method = prototype[name];
  if (!method) throw new Error(`there is no ${name} to stop at`);
  prototype[name] = change(method);
}

/**
 * Kills this process with SIGKILL the `hits`th time it comes to a point. The product knows nothing of it: the methods of
 * its classes are wrapped from outside, in a process that only tests start.
 */
function arm(point: Failpoint, hits: number): void {
  let left = hits;
  const hit = (): void => {
    left -= 1;
    if (left <= 0) die();
  };
  const before = (method: Method): Method =>
    function wrapped(this: unknown, ...values) {
      hit();
      return method.apply(this, values);
    };
  const after = (method: Method): Method =>
    function wrapped(this: unknown, ...values) {
      const result = method.apply(this, values);
      if (!(result instanceof Promise)) hit();
      return result instanceof Promise ? result.then((value: unknown) => (hit(), value)) : result;
    };
  const every = (count: number, method: Method): Method => {
    const seen = new WeakMap<object, number>();
    return function wrapped(this: unknown, ...values) {
      const events = (seen.get(this as object) ?? 0) + 1;
      seen.set(this as object, events);
      if (events === count) hit();
      return method.apply(this, values);
    };
  };
  const points: Readonly<Record<Failpoint, () => void>> = {
    'before-intent': () => around(Journal, 'intent', before),
    'after-intent': () => around(Journal, 'intent', after),
    'first-content': () => around(UsageMeter, 'observe', (method) => every(1, method)),
    'mid-stream': () => around(UsageMeter, 'observe', (method) => every(5, method)),
    'before-settle': () => around(Journal, 'settle', before),
    'after-settle': () => around(Journal, 'settle', after),
    'before-request': () => around(Journal, 'request', before),
    'after-request': () => around(Journal, 'request', after),
    'before-store': () => around(PostgresUsageStore, 'write', before),
    'before-commit': () =>
      around(
        PostgresUsageStore,
        'inTransaction',
        (method) =>
          function wrapped(this: unknown, work) {
            return method.call(this, after(work as Method));
          },
      ),
    'after-commit': () => around(PostgresUsageStore, 'write', after),
    'after-checkpoint': () => around(Journal, 'shipped', after),
    'before-close-instance': () => around(PostgresUsageStore, 'closeInstance', before),
  };
  points[point]();
}

/** `TEST_FAILPOINT=after-settle,40`: the fortieth time. Without it nothing happens. */
export function armFromEnvironment(): void {
  const [point, hits = '1'] = (process.env['TEST_FAILPOINT'] ?? '').split(',');
  if (point) arm(point as Failpoint, Number(hits));
}
