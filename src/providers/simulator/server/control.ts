import type { IncomingMessage, ServerResponse } from 'node:http';
import { readScenario } from './scenario';
import type { ServerState } from './server-state';

const PATHS = new Set(['/health', '/__stats', '/__log', '/__journal', '/__scenario', '/__reset']);

export const isControlPath = (path: string): boolean => PATHS.has(path);

/** The routes that are no provider's: what happened, and what is to happen. */
export function handleControl(
  state: ServerState,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer | null,
): void {
  const url = new URL(request.url ?? '/', 'http://simulator');
  switch (`${request.method ?? ''} ${url.pathname}`) {
    case 'GET /health':
      return send(response, 200, { status: 'ok' });
    case 'GET /__stats':
      return send(response, 200, {
        uptime_ms: state.now() - state.startedAtMs,
        speed: state.speed,
        strict: state.strict,
        prefixes: state.stats.snapshot(),
      });
    case 'GET /__log':
      return send(response, 200, state.log.entries());
    case 'GET /__journal':
      return sendJournal(state, response, url.searchParams.get('format') === 'ndjson');
    case 'POST /__scenario':
      return setScenario(state, response, body?.toString('utf8') ?? '');
    case 'POST /__reset':
      state.reset();
      return send(response, 200, { reset: true });
    default:
      return send(response, 405, {
        error: { message: 'GET for health, __stats, __log, __journal; POST for __scenario, __reset' },
      });
  }
}

function sendJournal(state: ServerState, response: ServerResponse, asLines: boolean): void {
  const entries = state.journal.entries();
  if (!asLines) return send(response, 200, entries);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.end(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

function setScenario(state: ServerState, response: ServerResponse, text: string): void {
  try {
    const rules = readScenario(JSON.parse(text));
    state.scenario.set(rules);
    state.limits.clear();
    send(response, 200, { rules: rules.length });
  } catch (error) {
    send(response, 400, { error: { message: error instanceof Error ? error.message : String(error) } });
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
