import type { AddressInfo } from 'node:net';
import type { JournalEntry } from './journal';
import type { LogEntry } from './request-log';
import type { ScenarioRule } from './scenario';
import { createSimulatorServer } from './server';
import { ServerState } from './server-state';

export interface SimulatorOptions {
  /** 0: any free port. Default 0. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Multiplies every delay: 1 is as slow as a real provider, 0 waits for nothing. Default 0. */
  readonly speed?: number;
  /** Refuse what the real providers refuse. Default false. */
  readonly strict?: boolean;
  /** Another seed, other answers. Default 1. */
  readonly seed?: number;
  /** Wall clock in milliseconds, for limits, prompt caches and time stamps. Default: the machine's. */
  readonly now?: () => number;
}

/** A running simulator. */
export interface Simulator {
  /** `http://127.0.0.1:9090`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Every call since the start or the last reset; copies. */
  journal(): readonly JournalEntry[];
  log(): readonly LogEntry[];
  /** Replaces the rules in force. */
  scenario(rules: readonly ScenarioRule[]): void;
  reset(): void;
  close(): Promise<void>;
}

/** Starts a provider that speaks the OpenAI and the Anthropic dialect. Resolves when it accepts connections. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1', speed = 0, strict = false, seed = 1 } = options;
  const state = new ServerState({ speed, strict, seed, now: options.now ?? Date.now });
  const server = createSimulatorServer(state);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    journal: () => state.journal.entries(),
    log: () => state.log.entries(),
    scenario: (rules) => {
      state.scenario.set(rules);
      state.limits.clear();
    },
    reset: () => state.reset(),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
