import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import type { Binaries } from './binaries';
import type { ClusterHome } from './cluster-home';
import { runAsOptions, serverEnvironment } from './create-cluster';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 15;
/** A start fails when its port has just been taken, or when children of a killed server are still going away. */
const START_ATTEMPTS = 8;
const LOG_MAX_BYTES = 5 * 1024 * 1024;
const LOG_TAIL_LINES = 12;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // A socket's path may have 107 characters, a data directory more.
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  // Statements may hold what users wrote: they stay out of the log.
  log_min_error_statement: 'panic',
  log_destination: 'stderr',
  logging_collector: 'off',
};

/** Starts the server and waits with `untilReady`; tries again, on a fresh port, when it exits meanwhile. */
export async function startPostmaster(
  home: ClusterHome,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
  untilReady: (isRunning: () => boolean) => Promise<void>,
): Promise<void> {
  let failure: unknown;
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    home.keepPort(await choosePort(attempt === 0 ? home.state.port : 0));
    const server = spawnServer(home, binaries, settings);
    try {
      await untilReady(() => server.exitCode === null && server.signalCode === null && server.pid !== undefined);
      return;
    } catch (error) {
      failure = error;
      if (server.exitCode === null && server.signalCode === null) server.kill('SIGQUIT');
      await sleep(100 * (attempt + 1));
    }
  }
  throw new Error(
    `The embedded PostgreSQL does not start. The end of ${home.logFile}:\n${logTail(home.logFile)}\nMend what it says, or set DATABASE_URL to a PostgreSQL database.`,
    { cause: failure },
  );
}

function spawnServer(home: ClusterHome, binaries: Binaries, settings: Readonly<Record<string, string>>): ChildProcess {
  const all = { ...SETTINGS, ...settings, port: String(home.state.port) };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  rotate(home.logFile);
  // A file, not a pipe: the server may outlive this process.
  const log = fs.openSync(home.logFile, 'a', 0o600);
  const server = spawn(binaries.postgres, ['-D', home.data, ...flags], {
    ...runAsOptions(home),
    env: serverEnvironment(),
    cwd: '/',
    stdio: ['ignore', log, log],
    detached: true,
  });
  fs.closeSync(log);
  server.on('error', (error) => fs.appendFileSync(home.logFile, `${error.message}\n`));
  server.unref();
  return server;
}

/**
 * Waits until the server takes connections and makes the database `name` when it is missing. Rejects when the server
 * goes away, refuses us, or takes longer than a minute.
 */
export async function waitUntilReady(
  connection: () => ClientConfig,
  name: string,
  isRunning: () => boolean,
): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const failure = await prepareDatabase(connection(), name);
    if (!failure) return;
    if (!isRunning()) throw new Error('The server has exited.', { cause: failure });
    if (!isPassing(failure) || performance.now() > deadline) {
      throw new Error(`The server does not take connections: ${failure.message}`, { cause: failure });
    }
    await sleep(POLL_MS);
  }
}

async function prepareDatabase(connection: ClientConfig, name: string): Promise<Error | null> {
  const client = new Client(connection);
  client.on('error', () => {});
  try {
    await client.connect();
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`create database "${name}"`);
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Not listening yet, starting, recovering or stopping: worth another try. A wrong password is not. */
function isPassing(error: Error): boolean {
  const code = (error as { code?: string }).code ?? '';
  return !code.startsWith('28') && !code.startsWith('42');
}

async function choosePort(wanted: number): Promise<number> {
  if (wanted > 0 && (await bindable(wanted)) === wanted) return wanted;
  const port = await bindable(0);
  if (port === null) throw new Error('No loopback port is free for the embedded PostgreSQL. Set DATABASE_URL.');
  return port;
}

function bindable(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(null));
    probe.listen(port, '127.0.0.1', () => {
      const chosen = (probe.address() as AddressInfo).port;
      probe.close(() => resolve(chosen));
    });
  });
}

function rotate(file: string): void {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat && stat.size > LOG_MAX_BYTES) fs.renameSync(file, `${file}.old`);
}

function logTail(file: string): string {
  if (!fs.existsSync(file)) return '(empty)';
  return fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
