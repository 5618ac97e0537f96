import type { JsonObject } from '../../core/chat';
import type { StreamEvent } from '../../core/reply';

/** An event of the gateway's own making. */
export const madeEvent = (
  kind: StreamEvent['kind'],
  name: string | null,
  data: JsonObject | null,
  facts: Partial<Pick<StreamEvent, 'usage' | 'text' | 'finish'>> = {},
): StreamEvent => ({ kind, name, data, raw: null, usage: null, text: '', finish: null, ...facts });
