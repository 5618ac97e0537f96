import type { JsonObject } from '../../core/chat';
import type { StoredAnswer } from './cache-entry';

/** What an answer says, in words. */
export function answerText({ dialect, value }: StoredAnswer): string {
  const blocks = dialect === 'anthropic' ? value['content'] : [firstMessage(value)];
  const texts = (Array.isArray(blocks) ? (blocks as JsonObject[]) : []).map(
    (block) => block['text'] ?? block['content'],
  );
  return texts.filter((text) => typeof text === 'string').join(' ');
}

const firstMessage = ({ choices }: JsonObject): unknown => (choices as { message?: unknown }[])[0]?.message ?? {};
