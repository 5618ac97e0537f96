import type { JsonObject } from '../../core/chat';
import type { JsonReply } from '../../core/reply';
import type { StoredAnswer } from './cache-entry';

/** Why an answer is not kept. */
export type Unstorable =
  | 'not_stopped'
  | 'no_usage'
  | 'tool_calls'
  | 'refusal'
  | 'empty'
  | 'unknown_content'
  | 'too_large'
  | 'broken'
  | 'warnings';

export type Verdict = { readonly answer: StoredAnswer } | { readonly why: Unstorable };

/** How models begin when they decline in words. An answer that only looks like it is asked for anew: no harm. */
const DECLINES =
  /^(i['’]?m (very |so |really )?sorry|sorry|i apologi[sz]e|unfortunately)?,?\s*(but )?(i|as an ai)\b[^.!?]{0,40}\b(can['’]?t|cannot|can not|unable to|not able to|won['’]?t) (help|assist|comply|provide|fulfil|fulfill|do that|answer|discuss|continue)/i;

const COMPLETION_CHOICE: ReadonlySet<string> = new Set(['index', 'message', 'finish_reason']);
const COMPLETION_MESSAGE: ReadonlySet<string> = new Set(['role', 'content', 'reasoning_content', 'reasoning']);
const TEXT_BLOCK: ReadonlySet<string> = new Set(['type', 'text']);
const THINKING_BLOCK: ReadonlySet<string> = new Set(['type', 'thinking', 'signature']);

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** True when the object holds nothing but the members we know how to replay: what we do not know must not be lost. */
export const holdsOnly = (object: JsonObject, known: ReadonlySet<string>): boolean =>
  Object.entries(object).every(([key, value]) => known.has(key) || isEmpty(value));

const asObject = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};

/** Only a complete answer in words that ended by itself, with the provider's count, is ever given to someone else. */
export function judge(reply: JsonReply): Verdict {
  if (reply.finish === 'tool_calls') return { why: 'tool_calls' };
  if (reply.finish !== 'stop') return { why: 'not_stopped' };
  if (reply.usage === null) return { why: 'no_usage' };
  // What was left out of one request may be honoured for the next by another provider.
  if (reply.warnings !== undefined && reply.warnings.length > 0) return { why: 'warnings' };
  const why = reply.dialect === 'anthropic' ? judgeMessage(reply.value) : judgeCompletion(reply.value);
  if (why !== null) return { why };
  return { answer: { dialect: reply.dialect, value: reply.value, usage: reply.usage } };
}

function judgeCompletion(value: JsonObject): Unstorable | null {
  const choices = value['choices'];
  if (!Array.isArray(choices) || choices.length !== 1) return 'unknown_content';
  const choice = asObject(choices[0]);
  const message = asObject(choice['message']);
  if (choice['finish_reason'] !== 'stop') return 'not_stopped';
  if (!isEmpty(message['tool_calls']) || !isEmpty(message['function_call'])) return 'tool_calls';
  if (!isEmpty(message['refusal'])) return 'refusal';
  if (!holdsOnly(choice, COMPLETION_CHOICE) || !holdsOnly(message, COMPLETION_MESSAGE)) return 'unknown_content';
  return judgeText(message['content']);
}

const ENDED = new Set<unknown>(['end_turn', 'stop_sequence']);

function judgeMessage(value: JsonObject): Unstorable | null {
  if (!ENDED.has(value['stop_reason'])) return 'not_stopped';
  const blocks = Array.isArray(value['content']) ? value['content'].map(asObject) : [];
  if (blocks.some(({ type }) => type === 'tool_use')) return 'tool_calls';
  const isKnown = blocks.every((block) => holdsOnly(block, block['type'] === 'thinking' ? THINKING_BLOCK : TEXT_BLOCK));
  if (!isKnown || blocks.some(({ type }) => type !== 'text' && type !== 'thinking')) return 'unknown_content';
  const text = blocks.filter(({ type }) => type === 'text').map((block) => block['text']);
  return judgeText(text.join(''));
}

function judgeText(text: unknown): Unstorable | null {
  if (typeof text !== 'string') return isEmpty(text) ? 'empty' : 'unknown_content';
  if (text.trim() === '') return 'empty';
  return DECLINES.test(text.slice(0, 200)) ? 'refusal' : null;
}
