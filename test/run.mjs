// `npm test`: every suite a pull request must pass: the checks side by side, then what runs the product, one after the other.
// All stages run, whatever fails; the last line is the plain count. `npm test -- unit e2e` runs the named stages only, and
// `npm run check` is the checks.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const scratch = mkdtempSync(path.join(tmpdir(), 'gateway-test-run-'));

// The compiler of version 7 is six times faster; version 6 is what the other tools read the sources with.
const TYPESCRIPT = path.join(modules, 'typescript-7', 'bin', 'tsc');
const OXLINT = path.join(modules, 'oxlint', 'bin', 'oxlint');
const DEPCRUISE = path.join(modules, 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
const KNIP = path.join(modules, 'knip', 'bin', 'knip.js');
const PRETTIER = path.join(modules, 'prettier', 'bin', 'prettier.cjs');
const NEST = path.join(modules, '@nestjs', 'cli', 'bin', 'nest.js');
const JEST = path.join(modules, 'jest', 'bin', 'jest.js');

/** A stage that outlives this is stuck: it is killed with everything it started and counts as failed. */
const STATIC_LIMIT_SECONDS = 180;
const JEST_LIMIT_SECONDS = 1_800;
/** Between the polite and the final signal, so that a killed suite can still stop its database. */
const KILL_GRACE_MS = 10_000;

const docsGenerator = path.join(root, 'src', 'docs.generate.ts');
const docsMissing = () => (existsSync(docsGenerator) ? null : 'src/docs.generate.ts does not exist yet');

const check = (name, ...command) => ({ name, command, limitSeconds: STATIC_LIMIT_SECONDS });
/** A check that needs nothing from another: they run side by side, so the longest stands first. */
const reading = (name, ...command) => ({ ...check(name, ...command), isApart: true });
const suite = (name, ...flags) => ({
  name,
  command: [JEST, '--selectProjects', name, '--json', `--outputFile=${outputOf(name)}`, ...flags],
  limitSeconds: JEST_LIMIT_SECONDS,
  isSuite: true,
});

const STAGES = [
  reading('format', PRETTIER, '--check', '--log-level', 'warn', '--cache', '--cache-strategy', 'content', '.'),
  reading('typecheck', TYPESCRIPT, '-p', 'tsconfig.json'),
  reading('lint', OXLINT, '--type-aware', 'src', 'test'),
  reading('boundaries', DEPCRUISE, 'src', '--config', '.dependency-cruiser.cjs'),
  reading('deadcode', KNIP),
  check('build', NEST, 'build'),
  { ...check('docs', path.join('dist', 'docs.generate.js'), '--check'), skipReason: docsMissing },
  suite('unit', '--maxWorkers=2'),
  // The suites below share one PostgreSQL and one Redis; each file has a database and key names of its own.
  suite('medium', '--maxWorkers=2', '--forceExit'),
  suite('e2e', '--maxWorkers=2', '--forceExit'),
  suite('browser', '--runInBand', '--forceExit'),
];

function outputOf(name) {
  return path.join(scratch, `${name}.json`);
}

const say = (line) => process.stdout.write(`${line}\n`);

/** The groups the running stages live in, so that an interrupted run leaves nothing behind. */
const runningGroups = new Set();

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // It has just ended.
  }
}

function run(stage) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, stage.command, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', stage.isApart ? 'pipe' : 'inherit'],
    });
    if (child.pid !== undefined) runningGroups.add(child.pid);
    // What runs beside others says what it has to say in one piece.
    let said = '';
    // With --json Jest repeats its whole report on stdout; the readable one goes to stderr.
    child.stdout.on('data', (chunk) => {
      if (stage.isApart) said += chunk;
      else if (!stage.isSuite) process.stdout.write(chunk);
    });
    child.stderr?.on('data', (chunk) => (said += chunk));
    let isTimedOut = false;
    let killer;
    const timer = setTimeout(() => {
      isTimedOut = true;
      signalGroup(child.pid, 'SIGTERM');
      killer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), KILL_GRACE_MS);
    }, stage.limitSeconds * 1000);
    const end = (isGood, note) => {
      clearTimeout(timer);
      clearTimeout(killer);
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      runningGroups.delete(child.pid);
      resolve({ isGood, note, said });
    };
    child.once('error', (error) => end(false, error.message));
    // 'exit', not 'close': a grandchild that keeps the pipe open must not hang the run. A check has none, and its last words
    // may still be in the pipe.
    child.once(stage.isApart ? 'close' : 'exit', (code, signal) => {
      if (isTimedOut) end(false, `killed after ${stage.limitSeconds} s`);
      else end(code === 0, code === 0 ? '' : `exit ${code ?? signal}`);
    });
  });
}

/** What a suite did, by its own report; a suite that reports nothing, or fails without a failed test, is one failure. */
function countSuite(stage, result) {
  let report;
  try {
    report = JSON.parse(readFileSync(outputOf(stage.name), 'utf8'));
  } catch {
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      failures: [`${stage.name}: no report (${result.note || 'it ended early'})`],
    };
  }
  const failures = [];
  for (const file of report.testResults) {
    const broken = file.assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName);
    if (broken.length === 0 && file.status === 'failed') broken.push('the file does not run');
    failures.push(...broken.map((name) => `${stage.name}: ${path.relative(root, file.name)}: ${name}`));
  }
  if (!result.isGood && failures.length === 0) failures.push(`${stage.name}: ${result.note}`);
  return {
    passed: report.numPassedTests,
    failed: failures.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures,
  };
}

async function runStage(stage) {
  const skipReason = stage.skipReason?.() ?? null;
  if (skipReason) {
    say(`\n■ ${stage.name}: skipped, ${skipReason}`);
    return { passed: 0, failed: 0, skipped: 1, failures: [], summary: 'skipped' };
  }
  if (!stage.isApart) say(`\n■ ${stage.name}`);
  const startedAt = performance.now();
  const result = await run(stage);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (stage.isApart) say(`\n■ ${stage.name}\n${result.said}`.trimEnd());
  const counted = stage.isSuite
    ? countSuite(stage, result)
    : {
        passed: result.isGood ? 1 : 0,
        failed: result.isGood ? 0 : 1,
        skipped: 0,
        failures: result.isGood ? [] : [`${stage.name}: ${result.note}`],
      };
  const summary = `${counted.failed === 0 ? 'ok' : 'FAILED'} in ${seconds} s`;
  say(`  ${stage.name}: ${summary}`);
  return { ...counted, summary };
}

async function main() {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    say(`No such stage: ${unknown.join(', ')}. Stages: ${STAGES.map((stage) => stage.name).join(', ')}.`);
    return 2;
  }
  const stages = wanted.length === 0 ? STAGES : STAGES.filter((stage) => wanted.includes(stage.name));
  const resultOf = async (stage) => ({ name: stage.name, ...(await runStage(stage)) });
  const results = [];
  const apart = stages.filter(({ isApart }) => isApart);
  // No more at a time than there are processors: beyond that they only push each other out of the caches.
  const takeTurns = async () => {
    for (let stage = apart.shift(); stage; stage = apart.shift()) results.push(await resultOf(stage));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, takeTurns));
  for (const stage of stages.filter(({ isApart }) => !isApart)) results.push(await resultOf(stage));

  const total = (field) => results.reduce((sum, result) => sum + result[field], 0);
  say('');
  for (const result of results) say(`${result.name.padEnd(12)}${result.summary}`);
  const failures = results.flatMap((result) => result.failures);
  if (failures.length > 0) say(`\n${failures.map((failure) => `✗ ${failure}`).join('\n')}`);
  const skipped = total('skipped');
  say(`\n${total('passed')} passed, ${total('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return total('failed') === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const group of runningGroups) signalGroup(group, 'SIGTERM');
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

process.exitCode = await main();
rmSync(scratch, { recursive: true, force: true });
