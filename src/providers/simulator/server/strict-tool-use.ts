import { fieldsOf, listOf, textOf, type JsonObject } from './loose-json';

/**
 * Every `tool_use` is answered in the next message, every `tool_result` answers one of the message before, and no
 * identifier is used twice. Neighbours of one role count as one message, as Anthropic merges them.
 */
export function toolUseProblem(messages: readonly JsonObject[]): string | null {
  const seen = new Set<string>();
  let open = new Set<string>();
  for (const [index, turn] of mergeTurns(messages).entries()) {
    const results = idsOf(turn, 'tool_result', 'tool_use_id');
    const orphan = results.findIndex((id) => !open.has(id));
    if (orphan >= 0)
      return (
        `messages.${index}.content.${orphan}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${results[orphan]}. ` +
        'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.'
      );
    const missing = [...open].filter((id) => !results.includes(id));
    if (missing.length > 0) return unanswered(index - 1, missing);
    const uses = idsOf(turn, 'tool_use', 'id');
    if (uses.some((id) => seen.has(id)) || new Set(uses).size !== uses.length)
      return 'messages: `tool_use` ids must be unique';
    for (const id of uses) seen.add(id);
    open = new Set(uses);
  }
  return open.size === 0 ? null : unanswered(messages.length - 1, [...open]);
}

const unanswered = (index: number, ids: readonly string[]): string =>
  `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(', ')}. ` +
  'Each `tool_use` block must have a corresponding `tool_result` block in the next message.';

/** The blocks of each turn. */
function mergeTurns(messages: readonly JsonObject[]): readonly (readonly JsonObject[])[] {
  const turns: { readonly role: unknown; readonly blocks: JsonObject[] }[] = [];
  for (const message of messages) {
    const blocks = listOf(message['content']).map(fieldsOf);
    const last = turns.at(-1);
    if (last !== undefined && last.role === message['role']) last.blocks.push(...blocks);
    else turns.push({ role: message['role'], blocks });
  }
  return turns.map((turn) => turn.blocks);
}

const idsOf = (blocks: readonly JsonObject[], type: string, field: string): readonly string[] =>
  blocks.filter((block) => block['type'] === type).map((block) => textOf(block[field]));
