import { estimateTokens } from '../../../core/tokens';
import { outputTokensOf, type Answer } from './answer';
import { cutText } from './pieces';

/** Shortens an answer that is over the caller's limit, as a model would: it stops where it is. */
export function fitAnswer(answer: Answer, maxTokens: number | null): Answer {
  if (maxTokens === null || answer.outputTokens <= maxTokens) return answer;
  const left = (spent: number): number => Math.max(0, maxTokens - spent);
  const thinking = cutText(answer.thinking, [], left(answer.hiddenReasoningTokens)).text;
  const spent = answer.hiddenReasoningTokens + tokensOf(thinking);
  const text = cutText(answer.text, [], left(spent)).text;
  const refusal = answer.refusal === null ? null : cutText(answer.refusal, [], left(spent)).text;
  let cut: Answer = { ...answer, thinking, text, refusal, calls: [], finish: 'length', stopSequence: null };
  for (const call of answer.calls) {
    const room = left(outputTokensOf({ ...cut, calls: [...cut.calls, { name: call.name, arguments: '' }] }));
    const written = cutText(call.arguments, [], room).text;
    if (written === '') break;
    cut = { ...cut, calls: [...cut.calls, { name: call.name, arguments: written }] };
    if (written !== call.arguments) break;
  }
  return { ...cut, outputTokens: outputTokensOf(cut) };
}

const tokensOf = (text: string): number => (text === '' ? 0 : estimateTokens(text));
