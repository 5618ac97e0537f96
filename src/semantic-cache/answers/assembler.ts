import type { JsonReply, StreamEvent } from '../../core/reply';

/** Puts the events of one dialect back together. */
export interface Assembler {
  /** False when the event holds something that cannot be replayed: then the answer is not stored. */
  add(event: StreamEvent): boolean;
  /** The answer as if it had not been streamed; null when its parts do not make one. */
  complete(): Pick<JsonReply, 'value' | 'finish'> | null;
}
