import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Call, type CallTarget } from './call';
import { handleControl, isControlPath } from './control';
import { embed } from './openai-embeddings';
import { errorReply, jsonReply } from './error-replies';
import { invalidKeyReply, missingModelReply } from './fault-replies';
import { generate } from './generation';
import type { JournalDraft } from './journal';
import { isObject, textOf, type JsonObject } from './loose-json';
import { MISSING_MODEL, modelList, oneModel } from './models';
import type { Surface } from './prompt';
import { Random } from './random';
import { countMessageTokens } from './read-messages-prompt';
import type { ServerState } from './server-state';

const MOST_BODY_BYTES = 32 * 1_048_576;
const PATH = /^(?:\/([^/]+))?(\/v1\/.+?)\/?$/;

const SURFACES = new Map<string, Surface>([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completions'],
  ['/v1/responses', 'responses'],
  ['/v1/messages', 'messages'],
]);

/** The HTTP server of one simulator. */
export function createSimulatorServer(state: ServerState): Server {
  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0, noDelay: true }, (request, response) => {
    receive(state, request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else {
        response.writeHead(500, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ error: { message: `The simulator failed: ${String(error)}`, type: 'simulator_error' } }),
        );
      }
    });
  });
  return server;
}

async function receive(state: ServerState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const body = await readBody(request);
  if (isControlPath(path)) return handleControl(state, request, response, body);
  const target = targetOf(request, path);
  const call = openCall(state, request, response, target);
  const { callId, at } = call.entry;
  const arrived = {
    callId,
    at,
    method: request.method ?? '',
    url: request.url ?? '',
    prefix: target.prefix,
    path: target.path,
    rawHeaders: request.rawHeaders,
  };
  state.log.add(arrived, body ?? Buffer.alloc(0));
  if (body === null) {
    const message = 'The request body is larger than 32 MiB.';
    return call.sendFixed(errorReply(target.dialect, 413, { message }, call.random));
  }
  return route(state, call, body);
}

/** The whole body; null when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = chunk as Buffer;
    bytes += part.length;
    if (bytes <= MOST_BODY_BYTES) chunks.push(part);
  }
  return bytes > MOST_BODY_BYTES ? null : Buffer.concat(chunks);
}

function targetOf(request: IncomingMessage, path: string): CallTarget {
  const [, prefix = '', rest = path] = PATH.exec(path) ?? [];
  const anthropic = rest.startsWith('/v1/messages') || request.headers['anthropic-version'] !== undefined;
  return { prefix, path: rest, dialect: anthropic ? 'anthropic' : 'openai' };
}

function openCall(state: ServerState, request: IncomingMessage, response: ServerResponse, target: CallTarget): Call {
  const { number, id: callId } = state.nextCall();
  const random = new Random((state.seed ^ (number * 0x9e3779b1)) >>> 0);
  const entry: JournalDraft = {
    callId,
    at: new Date(state.now()).toISOString(),
    prefix: target.prefix,
    path: target.path,
    model: '',
    stream: false,
    status: 0,
    fault: null,
    bytesSent: 0,
    inputTokens: 0,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    billFactor: 1,
    finished: false,
    closedBy: null,
    idempotencyKey: textOf(request.headers['idempotency-key']) || null,
    traceparent: textOf(request.headers['traceparent']) || null,
    headers: Object.keys(request.headers).sort(),
    authorizationSeen: keyOf(request) !== '',
  };
  const call = new Call(request, response, target, state.journal.open(entry), random);
  Object.assign(call.headers, baseHeaders(target, callId, random));
  state.stats.begin(target.prefix);
  response.once('close', () => state.stats.end(target.prefix, entry));
  return call;
}

function baseHeaders(target: CallTarget, callId: string, random: Random): Record<string, string> {
  const own = { server: 'cloudflare', 'cf-cache-status': 'DYNAMIC', 'x-simulator-call-id': callId };
  if (target.dialect === 'anthropic')
    return { ...own, 'request-id': `req_011C${random.base62(20)}`, via: '1.1 google' };
  return {
    ...own,
    'openai-version': '2020-10-01',
    'openai-processing-ms': '1',
    'x-request-id': `req_${random.hex(32)}`,
  };
}

function keyOf(request: IncomingMessage): string {
  const { authorization = '', 'x-api-key': apiKey, 'api-key': azureKey } = request.headers;
  return authorization.replace(/^Bearer\s*/i, '') || textOf(apiKey) || textOf(azureKey);
}

async function route(state: ServerState, call: Call, bytes: Buffer): Promise<void> {
  const { path } = call.target;
  if (!isAuthorized(call)) return;
  if (call.request.method === 'GET' && path.startsWith('/v1/models')) return sendModels(call, path);
  const surface = SURFACES.get(path);
  const known = surface !== undefined || path === '/v1/embeddings' || path === '/v1/messages/count_tokens';
  if (!known || call.request.method !== 'POST') return sendNotFound(call);
  const body = parseBody(call, bytes);
  if (body === null) return;
  if (surface !== undefined) return generate(state, call, surface, body);
  if (path === '/v1/embeddings') return embed(state, call, body);
  call.entry.model = textOf(body['model']);
  if (call.entry.model === MISSING_MODEL) return sendMissing(call, MISSING_MODEL);
  call.sendFixed(jsonReply(200, JSON.stringify({ input_tokens: countMessageTokens(body) })));
}

function isAuthorized(call: Call): boolean {
  const key = keyOf(call.request);
  if (key !== '' && key !== 'invalid') return true;
  const { dialect } = call.target;
  if (key === 'invalid') {
    call.sendFixed(invalidKeyReply(dialect, key, call.random));
    return false;
  }
  const message =
    dialect === 'anthropic'
      ? 'x-api-key header is required'
      : "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.";
  call.sendFixed(errorReply(dialect, 401, { message }, call.random));
  return false;
}

function parseBody(call: Call, bytes: Buffer): JsonObject | null {
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    if (isObject(body)) return body;
  } catch {
    // Answered below, as any body that is not an object.
  }
  const message =
    call.target.dialect === 'anthropic'
      ? 'The request body is not valid JSON: expected an object'
      : "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)";
  call.sendFixed(errorReply(call.target.dialect, 400, { message }, call.random));
  return null;
}

function sendModels(call: Call, path: string): void {
  const anthropic = call.target.dialect === 'anthropic';
  const id = decodeURIComponent(path.slice('/v1/models/'.length));
  if (id === MISSING_MODEL) return sendMissing(call, id);
  call.sendFixed(jsonReply(200, JSON.stringify(id === '' ? modelList(anthropic) : oneModel(id, anthropic))));
}

function sendMissing(call: Call, model: string): void {
  const { dialect } = call.target;
  const context = { dialect, responses: false, model, inputTokens: 0, random: call.random };
  call.sendFixed(missingModelReply(context));
}

function sendNotFound(call: Call): void {
  const { dialect } = call.target;
  const asked = `${call.request.method ?? 'GET'} ${call.target.path}`;
  const message = dialect === 'anthropic' ? 'Not found' : `Invalid URL (${asked})`;
  call.sendFixed(errorReply(dialect, 404, { message }, call.random));
}
