// The upstream and the load generator: C programs when their sources and a compiler are at hand, own Node programs
// otherwise. Both speak the same command line, so a run does not care, but it says which it used.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { removeAtEnd, scratchFolder, spawnBesides } from './machine.mjs';

const here = import.meta.dirname;
const sources = path.resolve(here, '..', '..', 'shared', 'bench');

/** The C generator always sends a key of its own; each variant wants its own instead. */
const FIXED_KEY = 'Authorization: Bearer sk-bench-0123456789abcdef0123456789abcdef\\r\\n';

function compile() {
  const files = ['lg.c', 'mock.c'].map((name) => path.join(sources, name));
  if (!files.every((file) => existsSync(file)) || spawnSync('gcc', ['--version']).status !== 0) return null;
  const folder = removeAtEnd(scratchFolder('tools'));
  mkdirSync(folder, { recursive: true });
  const built = {};
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    const name = path.basename(file, '.c');
    if (name === 'lg' && !text.includes(FIXED_KEY)) return null;
    const copy = path.join(folder, `${name}.c`);
    writeFileSync(copy, text.replace(FIXED_KEY, ''));
    built[name] = path.join(folder, name);
    const { status, stderr } = spawnSync('gcc', ['-O2', '-w', '-o', built[name], copy], { encoding: 'utf8' });
    if (status !== 0) {
      process.stderr.write(`${name}.c does not compile here, own tools are used instead:\n${stderr}\n`);
      return null;
    }
  }
  return built;
}

export function prepareTools(withoutCompiler = false) {
  const built = withoutCompiler ? null : compile();
  return built
    ? { name: 'C (epoll)', load: [built.lg], mock: [built.mock] }
    : {
        name: 'Node (own, slower: absolute figures are lower, ratios flatter)',
        load: [process.execPath, path.join(here, 'load.mjs')],
        mock: [process.execPath, path.join(here, 'mock-upstream.mjs')],
      };
}

export async function startMock(tools, port) {
  const child = spawnBesides([...tools.mock, String(port), '-n', '40', '-s', '700']);
  await new Promise((resolve, reject) => {
    child.stderr.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`the mock upstream ended with ${code}`)));
  });
  return child;
}

/** One load run. `onMeasure` is called when the warm-up is over; resolves to the generator's figures, in microseconds. */
export function runLoad(tools, { port, bodyFile, headers, shape, seconds, warmUpSeconds, onMeasure }) {
  const command = [...tools.load, '-p', port, '-b', bodyFile, '-d', seconds, '-w', warmUpSeconds, ...shape];
  for (const header of headers) command.push('-H', header);
  return new Promise((resolve, reject) => {
    const child = spawnBesides(command.map(String));
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    const timer = setTimeout(() => onMeasure(), warmUpSeconds * 1000);
    child.once('exit', (code) => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(output));
      } catch {
        reject(new Error(`the load generator ended with ${code} and no figures`));
      }
    });
  });
}
