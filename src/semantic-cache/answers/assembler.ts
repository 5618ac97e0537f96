import type { JsonReply, StreamEvent } from '../../core/reply';

/** Puts the events of one dialect back together. */
export interface Assembler {
  /** False when the event holds something that cannot be replayed: then the answer is not stored. */
  add(event: StreamEvent): boolean;
  /** The answer as if it had not been streamed; null when its parts do not make one. */
  complete(): Pick<JsonReply, 'value' | 'finish'> | null;
  /** Says the answer again, from its beginning, while it still comes. */
  echo(includeUsage: boolean): Echo;
}

/** A stream of an answer that grows: it keeps nothing of it but how far it has come, so that it may be as slow as it likes. */
export interface Echo {
  /** What has come since the last time. */
  more(): StreamEvent[];
  /** How the answer ended, when it is complete and all of it has been said. */
  end(): StreamEvent[];
}
