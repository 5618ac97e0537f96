import type { FinishReason } from '../../../core/reply';

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

/** Null while the answer goes on; providers invent words, and `other` stands for those. */
export const canonicalFinish = (reason: unknown): FinishReason | null => {
  if (typeof reason !== 'string' || reason === '') return null;
  return FINISH_REASONS[reason] ?? 'other';
};

/** Why the answer ended, in Anthropic's words. A tool call ends a turn whatever the provider says, unless it was cut or refused. */
export function toStopReason(finish: FinishReason | null, hasTools: boolean, isRefusal: boolean): string {
  if (finish === 'length') return 'max_tokens';
  if (finish === 'content_filter' || isRefusal) return 'refusal';
  return hasTools ? 'tool_use' : 'end_turn';
}

/** Anthropic's ids begin with `msg_`. */
export const messageId = (id: unknown): string => {
  const text = typeof id === 'string' ? id.replace(/^chatcmpl-/, '') : '';
  return text.startsWith('msg_') ? text : `msg_${text === '' ? 'unknown' : text}`;
};

/** The id must tell calls apart even when the provider sent none. */
export const toolUseId = (id: unknown, index: number): string =>
  typeof id === 'string' && id !== '' ? id : `toolu_gateway_${index}`;
