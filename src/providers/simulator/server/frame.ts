/** One server-sent event, ready for the wire. */
export interface Frame {
  /** Complete text with its blank line, LF endings. */
  readonly wire: string;
  /** What the model wrote in it; empty for framing. Counted by `…-after=N` faults and by the bill of a cut stream. */
  readonly piece: string;
}

export const frame = (wire: string, piece = ''): Frame => ({ wire, piece });

/** A successful answer of some dialect, in both forms. Only one of them is made. */
export interface PreparedReply {
  json(): string;
  frames(): readonly Frame[];
  /** The dialect's error event after so many others, for the faults that end a stream with one. */
  errorWire(eventsSent: number): string;
  /** A data line that is not JSON. */
  readonly malformedWire: string;
  /** Tokens billed when all of it is sent. */
  readonly outputTokens: number;
  /** Tokens already spent when the first event leaves: hidden reasoning. */
  readonly headTokens: number;
}
