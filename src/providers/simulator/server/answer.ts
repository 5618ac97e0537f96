import { estimateTokens } from '../../../core/tokens';

export type Finish = 'stop' | 'length' | 'tool_calls' | 'refusal';

export interface AnsweredCall {
  readonly name: string;
  /** JSON text of the arguments; an empty object is `{}`. */
  readonly arguments: string;
}

/** One complete answer, in no dialect yet. */
export interface Answer {
  readonly text: string;
  readonly thinking: string;
  readonly refusal: string | null;
  readonly calls: readonly AnsweredCall[];
  readonly finish: Finish;
  readonly stopSequence: string | null;
  readonly hiddenReasoningTokens: number;
  /** Everything written: text, thinking, hidden reasoning, tool calls. */
  readonly outputTokens: number;
}

/** Tokens around a tool call's name and arguments. */
const CALL_OVERHEAD_TOKENS = 4;

/** Counts an answer that may have been cut off: the same sum for a whole one and for what was generated of it. */
export function outputTokensOf(answer: Omit<Answer, 'outputTokens' | 'finish' | 'stopSequence'>): number {
  let tokens = answer.hiddenReasoningTokens;
  for (const text of [answer.text, answer.thinking, answer.refusal ?? ''])
    if (text !== '') tokens += estimateTokens(text);
  for (const call of answer.calls)
    tokens += CALL_OVERHEAD_TOKENS + estimateTokens(call.name) + estimateTokens(call.arguments);
  return tokens;
}
