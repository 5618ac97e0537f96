import type { JsonObject } from '../../core/chat';
import type { JsonReply } from '../../core/reply';
import { brokenReply } from '../upstream/read-reply';

/** The answer of `POST /v1/messages/count_tokens`. Counting is free, so there is no usage to bill. */
export function readTokenCount(
  provider: string,
  { raw, value }: { readonly raw: Buffer; readonly value: JsonObject },
  model: string,
): JsonReply {
  if (typeof value['input_tokens'] !== 'number') {
    throw brokenReply(provider, 'malformed', 'answered with JSON that is no token count');
  }
  return { kind: 'json', dialect: 'anthropic', raw, value, model, usage: null, finish: 'stop' };
}
