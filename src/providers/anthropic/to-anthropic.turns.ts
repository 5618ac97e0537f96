import type { AnthropicBlock, AnthropicTurn } from './anthropic.wire';

/** Stands where the API wants a user message and there is none; a word would be read as a request. */
const PLACEHOLDER: AnthropicBlock = { type: 'text', text: '.' };
/** A document alone is not a question. */
const DOCUMENT_PROMPT: AnthropicBlock = { type: 'text', text: 'See the attached document.' };

/**
 * Makes the turns alternate as the API wants: neighbours of one role are merged, tool results stand first, the first turn
 * is the user's, and none is empty. System turns stay where the model allows it and move to `system` otherwise.
 */
export function arrangeTurns(
  system: readonly AnthropicBlock[],
  turns: readonly AnthropicTurn[],
  midConversationSystem: boolean,
): { system: AnthropicBlock[]; messages: AnthropicTurn[] } {
  const filled = turns.filter((turn) => turn.content.length > 0);
  const hoisted: AnthropicBlock[] = [...system];
  const placed: AnthropicTurn[] = [];
  for (const [index, turn] of filled.entries()) {
    if (turn.role === 'system' && !(midConversationSystem && mayStay(filled, index))) hoisted.push(...turn.content);
    else placed.push(turn);
  }
  const messages = merge(placed);
  if (messages[0]?.role !== 'user') messages.unshift({ role: 'user', content: [{ ...PLACEHOLDER }] });
  for (const turn of messages) if (turn.role === 'user') finishUserTurn(turn);
  trimPrefill(messages);
  return { system: hoisted, messages };
}

/** The API takes a system message directly after a user turn that ends there. */
function mayStay(turns: readonly AnthropicTurn[], index: number): boolean {
  let before = index - 1;
  while (turns[before]?.role === 'system') before -= 1;
  let after = index + 1;
  while (turns[after]?.role === 'system') after += 1;
  return turns[before]?.role === 'user' && turns[after]?.role !== 'user';
}

function merge(turns: readonly AnthropicTurn[]): AnthropicTurn[] {
  const merged: AnthropicTurn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last && last.role === turn.role) last.content.push(...turn.content);
    else merged.push({ role: turn.role, content: [...turn.content] });
  }
  return merged;
}

function finishUserTurn(turn: AnthropicTurn): void {
  const results = turn.content.filter((block) => block.type === 'tool_result');
  if (results.length > 0) {
    turn.content = [...results, ...turn.content.filter((block) => block.type !== 'tool_result')];
    return;
  }
  const hasDocument = turn.content.some((block) => block.type === 'document');
  if (hasDocument && !turn.content.some((block) => block.type === 'text')) turn.content.push({ ...DOCUMENT_PROMPT });
}

/** A final assistant message is a prefill, and the API refuses one that ends in whitespace. */
function trimPrefill(messages: AnthropicTurn[]): void {
  const last = messages.at(-1);
  const block = last?.role === 'assistant' ? last.content.at(-1) : undefined;
  if (!last || block?.type !== 'text' || typeof block['text'] !== 'string') return;
  last.content = [...last.content.slice(0, -1), { ...block, text: block['text'].trimEnd() }];
}
