import { prepareMessage } from './anthropic-messages';
import type { Call } from './call';
import { composeAnswer } from './compose-answer';
import { errorReply } from './error-replies';
import { faultReply, missingModelReply, type FaultContext } from './fault-replies';
import { UnknownFaultError, type FaultPlan } from './faults';
import type { PreparedReply } from './frame';
import { limitHeaders, type Admission } from './limits';
import { limitReply } from './limit-reply';
import type { JsonObject } from './loose-json';
import { readMarkers, withoutFaults } from './markers';
import { MISSING_MODEL } from './models';
import { prepareChat } from './openai-chat';
import { prepareCompletion } from './openai-completions';
import { prepareResponse } from './openai-responses';
import { firstByteMs, pauseMs, profileOf } from './profiles';
import type { Prompt, Surface } from './prompt';
import { hash32, Random } from './random';
import { readChatPrompt, readCompletionPrompt } from './read-chat-prompt';
import { readMessagesPrompt } from './read-messages-prompt';
import { readResponsesPrompt } from './read-responses-prompt';
import { planFor } from './scenario';
import type { ServerState } from './server-state';
import { StreamWriter, type Pacing } from './stream-writer';
import { estimateTokens } from '../../../core/tokens';
import { validateRequest } from './validation';
import type { InputCaching, Turn } from './turn';

interface Voice {
  readonly read: (body: JsonObject) => Prompt;
  readonly prepare: (turn: Turn) => PreparedReply;
}

const VOICES: Readonly<Record<Surface, Voice>> = {
  chat: { read: readChatPrompt, prepare: prepareChat },
  completions: { read: readCompletionPrompt, prepare: prepareCompletion },
  responses: { read: readResponsesPrompt, prepare: prepareResponse },
  messages: { read: readMessagesPrompt, prepare: prepareMessage },
};

const STREAM_TYPE = 'text/event-stream; charset=utf-8';

/** Answers one generative request, from validation to the last byte. */
export async function generate(state: ServerState, call: Call, surface: Surface, body: JsonObject): Promise<void> {
  const invalid = validateRequest(surface, body, state.strict, call.random);
  if (invalid !== null) return call.sendFixed(invalid);
  const prompt = VOICES[surface].read(body);
  call.entry.model = prompt.model;
  call.entry.stream = prompt.stream;
  const plan = planOf(state, call, prompt.model, prompt.text);
  if (plan === null) return;
  const admission = state.limits.admit(accountOf(call), state.scenario.limitsFor(subjectOf(call)), prompt.inputTokens);
  Object.assign(call.headers, limitHeaders(call.target.dialect, admission.state, state.now()));
  if (await refused(state, call, prompt, plan, admission)) return;
  const caching = cachingOf(state, call, prompt, body);
  call.entry.inputTokens = prompt.inputTokens;
  call.entry.cachedTokens = caching.cachedTokens;
  call.entry.cacheWriteTokens = caching.write5mTokens + caching.write1hTokens;
  call.entry.billFactor = plan.billFactor;
  const turn = turnOf(state, call, prompt, body, { plan, caching });
  await answer(state, call, turn, plan);
  admission.addTokens(call.entry.outputTokens);
}

/** Who a limit or a cache belongs to: one key at one virtual provider. */
export function accountOf(call: Call): string {
  const { authorization, 'x-api-key': apiKey, 'api-key': azureKey } = call.request.headers;
  return `${call.target.prefix}\n${authorization ?? String(apiKey ?? azureKey ?? '')}`;
}

const subjectOf = (call: Call): { prefix: string; model: string; path: string } => ({
  prefix: call.target.prefix,
  model: call.entry.model,
  path: call.target.path,
});

/** The faults of this call; null when the prompt names one that does not exist, which has been answered. */
export function planOf(state: ServerState, call: Call, model: string, text: string): FaultPlan | null {
  call.entry.model = model;
  try {
    const plan = planFor(readMarkers(text).fault, state.scenario.faultFor(subjectOf(call)));
    call.entry.fault = plan.label === '' ? null : plan.label;
    return plan;
  } catch (error) {
    if (!(error instanceof UnknownFaultError)) throw error;
    call.sendFixed(errorReply(call.target.dialect, 400, { message: error.message }, call.random));
    return null;
  }
}

/** Everything that ends a call before an answer is made. True when it has been dealt with. */
export async function refused(
  state: ServerState,
  call: Call,
  prompt: Pick<Prompt, 'model' | 'inputTokens'> & { readonly surface: string },
  plan: FaultPlan,
  admission: Admission,
): Promise<boolean> {
  if (plan.delayMs > 0 && !(await call.sleep(plan.delayMs))) return true;
  const context: FaultContext = {
    dialect: call.target.dialect,
    responses: prompt.surface === 'responses',
    model: prompt.model,
    inputTokens: prompt.inputTokens,
    random: call.random,
  };
  if (plan.reply === 'reset') {
    call.reset();
    return true;
  }
  if (plan.reply === 'hang') {
    await call.untilClosed();
    return true;
  }
  const fixed =
    faultReply(context, plan) ??
    (prompt.model === MISSING_MODEL ? missingModelReply(context) : null) ??
    (admission.refusal === null ? null : limitReply(context, admission.refusal, admission.state));
  if (fixed === null) return false;
  if (await call.sleep(state.speed > 0 ? 5 : 0)) call.sendFixed(fixed);
  return true;
}

function cachingOf(state: ServerState, call: Call, prompt: Prompt, body: JsonObject): InputCaching {
  const account = accountOf(call);
  return prompt.surface === 'messages'
    ? state.promptCache.readAnthropic(account, prompt.model, body, prompt.inputTokens)
    : state.promptCache.readOpenAi(account, prompt);
}

function turnOf(
  state: ServerState,
  call: Call,
  prompt: Prompt,
  body: JsonObject,
  extra: { readonly plan: FaultPlan; readonly caching: InputCaching },
): Turn {
  const seed = hash32(`${prompt.model}\n${withoutFaults(prompt.transcript)}`, state.seed);
  const answers = Array.from({ length: prompt.choices }, (_, choice) => composeAnswer(prompt, seed, choice));
  return {
    prompt,
    body,
    answers,
    caching: extra.caching,
    random: call.random,
    rhythm: new Random(seed),
    nowMs: state.now(),
    billFactor: extra.plan.billFactor,
    hideUsage: extra.plan.hideUsage,
    lateInput: extra.plan.lateInput,
  };
}

async function answer(state: ServerState, call: Call, turn: Turn, plan: FaultPlan): Promise<void> {
  const { prompt } = turn;
  const profile = profileOf(prompt.surface, prompt.model, prompt.stream, state.scenario.profileFor(subjectOf(call)));
  const waitMs = firstByteMs(profile, call.random) * state.speed;
  if (call.target.dialect === 'openai') call.headers['openai-processing-ms'] = String(Math.max(1, Math.round(waitMs)));
  if (plan.retryAfterOnSuccess > 0) call.headers['retry-after'] = String(plan.retryAfterOnSuccess);
  const reply = VOICES[prompt.surface].prepare(turn);
  if (!(await call.sleep(waitMs))) return;
  if (!prompt.stream) return sendJson(call, reply, plan);
  const pacing: Pacing =
    state.speed === 0 ? null : (piece) => pauseMs(profile, estimateTokens(piece), call.random) * state.speed;
  await new StreamWriter(call, reply, plan, pacing).send(plan.reply === 'wrong-type' ? 'text/plain' : STREAM_TYPE);
}

async function sendJson(call: Call, reply: PreparedReply, plan: FaultPlan): Promise<void> {
  const text = reply.json();
  const type = plan.reply === 'wrong-type' ? 'text/plain' : 'application/json';
  if (plan.reply === 'error-first') {
    const { dialect } = call.target;
    return call.sendFixed(
      errorReply(
        dialect,
        dialect === 'anthropic' ? 529 : 503,
        { message: 'Overloaded', type: 'server_error' },
        call.random,
      ),
    );
  }
  call.entry.outputTokens = reply.outputTokens;
  if (plan.reply === 'hang-after-headers') {
    call.writeHead(200, type);
    call.response.flushHeaders();
    return call.untilClosed();
  }
  if (plan.reply === 'truncated-json') {
    call.writeHead(200, type);
    await call.write(text.slice(0, Math.floor(text.length / 2)));
    return call.endEarly();
  }
  if (plan.slowMs === 0 && plan.splitBytes === 0) {
    const bytes = Buffer.from(text);
    call.writeHead(200, type, { 'content-length': String(bytes.length) });
    return call.finish(bytes);
  }
  return sendSlowly(call, text, type, plan);
}

async function sendSlowly(call: Call, text: string, type: string, plan: FaultPlan): Promise<void> {
  call.writeHead(200, type);
  const bytes = Buffer.from(text);
  const step = plan.splitBytes === 0 ? Math.ceil(bytes.length / 10) : plan.splitBytes;
  for (let start = 0; start < bytes.length; start += step) {
    if (!(await call.sleep(plan.slowMs))) return;
    if (!(await call.write(bytes.subarray(start, start + step)))) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  call.finish();
}
