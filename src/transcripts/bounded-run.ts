import { createContext, Script } from 'node:vm';

interface Sandbox {
  work: () => void;
}

const sandbox: Sandbox = { work: () => undefined };
const context = createContext(sandbox);
const script = new Script('work()');

/** Runs synchronous work and ends it, with an error, when it takes longer: a regular expression can go on for years. */
export function boundedRun<T>(work: () => T, timeoutMs: number): T {
  let result: { readonly value: T } | undefined;
  sandbox.work = () => {
    result = { value: work() };
  };
  try {
    script.runInContext(context, { timeout: timeoutMs });
  } finally {
    sandbox.work = () => undefined;
  }
  if (!result) throw new Error('the work came to no end');
  return result.value;
}
