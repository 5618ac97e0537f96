// What the bench asks the machine: processors to pin to, ports, and what a process has used.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, constants, cpus, setPriority, tmpdir } from 'node:os';
import path from 'node:path';

/** The variant under test has a processor of its own; everything that drives or feeds it shares the other. */
const TEST_CPU = '0';
const LOAD_CPU = '1';

const hasTaskset = spawnSync('taskset', ['-V']).status === 0;
/** Read before this process is pinned itself, which changes the answer. */
const processors = availableParallelism();
export const isPinned = hasTaskset && processors > 1;

export const machine = () =>
  `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${processors} processors, Node ${process.versions.node}, ${process.platform}`;

const started = new Set();
const folders = new Set();

/** The folder is removed when the run ends, however it ends. */
export function removeAtEnd(folder) {
  folders.add(folder);
  return folder;
}

/** Node with the flags of `npm start`. */
export const NODE = [
  process.execPath,
  ...JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'package.json'), 'utf8'))
    .scripts.start.split(' ')
    .filter((word) => word.startsWith('--')),
];

export const scratchFolder = (name) => path.join(tmpdir(), `gateway-bench-${process.pid}-${name}`);

function spawnOn(cpu, command, settings) {
  const pinned = isPinned ? ['taskset', '-c', cpu, ...command] : command;
  const child = spawn(pinned[0], pinned.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...settings });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

export const spawnUnderTest = (command, settings = {}) => spawnOn(TEST_CPU, command, settings);
export const spawnBesides = (command, settings = {}) => spawnOn(LOAD_CPU, command, settings);

/**
 * Moves processes that a variant started, but that are not what is measured, to the other processor, behind those that are
 * there: a database that stores a batch must not hold up the clock and the upstream of the measurement.
 */
export function moveBesides(processIds) {
  if (!isPinned) return;
  for (const id of processIds) {
    spawnSync('taskset', ['-a', '-p', '-c', LOAD_CPU, String(id)]);
    try {
      setPriority(id, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It has ended.
    }
  }
}

export async function stopAll() {
  const ending = [...started].map((child) => new Promise((resolve) => child.once('exit', resolve)));
  // As from a terminal: on SIGTERM the gateway would first wait for load balancers to look away.
  for (const child of started) child.kill('SIGINT');
  const patience = setTimeout(() => {
    for (const child of started) child.kill('SIGKILL');
  }, 8000);
  await Promise.all(ending);
  clearTimeout(patience);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function statOf(processId) {
  try {
    const text = readFileSync(`/proc/${processId}/stat`, 'latin1');
    // The name is in parentheses and may hold anything; the fields after it are numbers.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}

/** The process and all that descend from it, without the branches in `except`. */
export function treeOf(processId, except = []) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(name) : null;
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const found = [];
  const visit = (id) => {
    if (except.includes(id)) return;
    found.push(id);
    for (const child of children.get(id) ?? []) visit(child);
  };
  visit(processId);
  return found;
}

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString()) || 100;

/** CPU time used so far by the processes, user and system, in microseconds. */
export const cpuMicroseconds = (processIds) =>
  (processIds.reduce((sum, id) => sum + (statOf(id)?.ticks ?? 0), 0) / ticksPerSecond) * 1e6;

/** Memory the processes hold now, in megabytes. */
export function residentMegabytes(processIds) {
  let kilobytes = 0;
  for (const id of processIds) {
    try {
      kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return kilobytes / 1024;
}
