import threads from 'node:worker_threads';
import path from 'node:path';

const HOOK = path.join(__dirname, 'typescript.cjs');
const PATCHED = Symbol.for('threads run TypeScript');

/** Lets the threads that the product starts run our sources: in a test there is no compiled file to run. */
class TypeScriptWorker extends threads.Worker {
  constructor(file: string | URL, options: threads.WorkerOptions = {}) {
    super(file, String(file).endsWith('.ts') ? { ...options, execArgv: ['--require', HOOK] } : options);
  }
}

const patched = threads as typeof threads & { [PATCHED]?: true };
if (!patched[PATCHED]) Object.assign(threads, { Worker: TypeScriptWorker, [PATCHED]: true });
