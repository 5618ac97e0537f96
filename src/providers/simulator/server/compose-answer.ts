import { estimateTokens } from '../../../core/tokens';
import { outputTokensOf, type Answer, type AnsweredCall } from './answer';
import { fitAnswer } from './fit-answer';
import { readMarkers, withoutMarkers, type Markers } from './markers';
import { cutText } from './pieces';
import type { Prompt, ToolSpec } from './prompt';
import { Random } from './random';
import { fillSchema } from './schema-filler';
import { proseOf, thinkingOf } from './prose';

export const REFUSAL = "I'm very sorry, but I can't assist with that — désolé 🙏.";
/** Parallel calls made when the prompt names no tool: enough to show them, not one for each of a long list. */
const MOST_UNASKED_CALLS = 2;
const MOST_TOOL_CALLS = 16;

/** What the model would say. The same prompt and choice give the same answer. */
export function composeAnswer(prompt: Prompt, seed: number, choice: number): Answer {
  const random = new Random((seed + choice * 0x9e3779b9) >>> 0);
  const markers = readMarkers(prompt.text);
  if (prompt.maxTokens !== null && prompt.hiddenReasoningTokens >= prompt.maxTokens)
    return finished(prompt, { finish: 'length', hiddenReasoningTokens: prompt.maxTokens });
  if (markers.refuse) return finished(prompt, { refusal: REFUSAL, finish: 'refusal' });
  const thinking = prompt.thinkingBudget === null ? '' : thinkingOf(prompt.text, random);
  const calls = callsOf(prompt, markers, random);
  if (calls.length === 0) return textAnswer(prompt, markers, random, thinking);
  const says = prompt.surface === 'messages' && prompt.toolChoice.mode === 'auto';
  const text = says ? `I will look that up with ${calls[0]?.name ?? 'a tool'} — un instant 🔎.` : '';
  return finished(prompt, { text, thinking, calls, finish: 'tool_calls' });
}

function textAnswer(prompt: Prompt, markers: Markers, random: Random, thinking: string): Answer {
  const spent = prompt.hiddenReasoningTokens + (thinking === '' ? 0 : estimateTokens(thinking));
  const left = prompt.maxTokens === null ? null : Math.max(0, prompt.maxTokens - spent);
  const cut = cutText(bodyOf(prompt, markers, random), prompt.stop, left);
  return finished(prompt, {
    text: cut.text,
    thinking,
    finish: cut.truncated ? 'length' : 'stop',
    stopSequence: cut.stopSequence,
  });
}

function bodyOf(prompt: Prompt, markers: Markers, random: Random): string {
  if (markers.say !== null) return markers.say;
  if (prompt.format?.kind === 'json_schema') return JSON.stringify(fillSchema(prompt.format.schema, random));
  if (prompt.format?.kind === 'json_object')
    return JSON.stringify({ answer: proseOf({ topic: '', toolResults: [], imageCount: 0 }, markers.tokens, random) });
  const topic = withoutMarkers(prompt.text);
  return proseOf({ topic, toolResults: prompt.toolResults, imageCount: prompt.imageCount }, markers.tokens, random);
}

function callsOf(prompt: Prompt, markers: Markers, random: Random): AnsweredCall[] {
  return chosenTools(prompt, markers).map((tool) => ({
    name: tool.name,
    arguments: JSON.stringify(fillSchema(tool.parameters, random)),
  }));
}

function chosenTools(prompt: Prompt, markers: Markers): readonly ToolSpec[] {
  const { mode, only } = prompt.toolChoice;
  if (mode === 'none') return [];
  const answered = prompt.toolResults.length > 0 || markers.noTools || markers.say !== null;
  if (mode === 'auto' && answered) return [];
  const allowed = only === null ? prompt.tools : prompt.tools.filter((tool) => only.includes(tool.name));
  const named = allowed.filter((tool) => prompt.text.includes(tool.name));
  const wanted = named.length > 0 ? named.slice(0, MOST_TOOL_CALLS) : allowed.slice(0, MOST_UNASKED_CALLS);
  return prompt.parallelTools ? wanted : wanted.slice(0, 1);
}

function finished(prompt: Prompt, parts: Partial<Answer> & Pick<Answer, 'finish'>): Answer {
  const answer = {
    text: '',
    thinking: '',
    refusal: null,
    calls: [],
    stopSequence: null,
    hiddenReasoningTokens: prompt.hiddenReasoningTokens,
    ...parts,
  };
  return fitAnswer({ ...answer, outputTokens: outputTokensOf(answer) }, prompt.maxTokens);
}
