/** How many tokens of each kind a call used, as the provider counts them. All are totals, never increments. */
export interface TokenUsage {
  /** Everything read: fresh input, cache reads and cache writes. */
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly inputAudioTokens: number;
  readonly inputImageTokens: number;
  /** Everything written, reasoning included. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly outputAudioTokens: number;
  readonly outputImageTokens: number;
  /** Calls of the provider's own web search, billed a call. */
  readonly webSearches: number;
  /** The service tier that answered, in the provider's words (`default`, `priority`, `flex`); absent when it does not say. */
  readonly serviceTier?: string;
}

/**
 * Where a usage figure comes from: the provider's own count, our count of what was streamed, or the reservation, when
 * nothing better is known.
 */
export type UsageSource = 'provider' | 'counted' | 'reserved';

export const NO_USAGE: TokenUsage = Object.freeze({
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  inputImageTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  outputAudioTokens: 0,
  outputImageTokens: 0,
  webSearches: 0,
});

const [LETTER, DIGIT, SPACE] = [1, 2, 3];
/** The kind of each character below 256; 0: a symbol. */
const KINDS = Uint8Array.from({ length: 256 }, (_, code) => {
  if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90)) return LETTER;
  if (code >= 48 && code <= 57) return DIGIT;
  return code === 32 || (code >= 9 && code <= 13) ? SPACE : 0;
});

/** Tokens of a run of letters or digits: words up to seven letters are one token, longer ones grow slowly. */
function runTokens(kind: number, length: number): number {
  if (kind === LETTER) return length <= 7 ? 1 : 1 + (length - 7) * 0.22;
  return kind === DIGIT ? Math.ceil(length / 3) : 0;
}

function symbolTokens(code: number, previous: number): number {
  if (code < 128) return code === previous ? 0.15 : 0.62;
  if ((code >= 0x3040 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af)) return 0.82;
  if (code >= 0xd800 && code <= 0xdfff) return 1;
  return code < 0x250 ? 0.7 : 0.42;
}

function spaceTokens(code: number, runLength: number): number {
  if (code === 10) return 0.45;
  return runLength > 1 ? 0.06 : 0;
}

/** A text is looked at in pieces as plain numbers: to ask a string for each of its characters takes twice as long. */
const PIECE = 8_192;
const pieceBytes = Buffer.allocUnsafeSlow(2 * PIECE);
const codes = new Uint16Array(pieceBytes.buffer, pieceBytes.byteOffset, PIECE);

/**
 * An estimate of a text's token count in one linear pass: about 0.2 ms for 64 KB, and within 0.88 to 1.15 of the
 * o200k count for 90 % of prose, code and minified samples (measured over 112 samples). A real BPE tokenizer is not
 * used because its worst case is quadratic: 50 KB of one letter blocks the process for seconds.
 */
export function estimateTokens(text: string): number {
  const { length } = text;
  let tokens = 0;
  let previous = -1;
  let kind = 0;
  let run = 0;
  for (let from = 0; from < length; from += PIECE) {
    const count = Math.min(PIECE, length - from);
    pieceBytes.write(length <= PIECE ? text : text.slice(from, from + count), 'utf16le');
    for (let index = 0; index < count; index += 1) {
      const code = codes[index]!;
      const next = code < 256 ? KINDS[code]! : 0;
      if (next !== kind) {
        tokens += runTokens(kind, run);
        kind = next;
        run = 0;
      }
      run += 1;
      if (kind === 0) tokens += symbolTokens(code, previous);
      else if (kind === SPACE) tokens += spaceTokens(code, run);
      previous = code;
    }
  }
  return Math.ceil(tokens + runTokens(kind, run));
}

/** What one image, document or audio part counts as when only its bytes are known: the most a provider charges for a common image. */
const MEDIA_PART_TOKENS = 1_600;
/** Role, separators and framing of a message in the chat formats of both providers. */
const VALUE_OVERHEAD_TOKENS = 1;

/** Where both dialects put the bytes of an image, a document or a recording. A text part is never one of these. */
const MEDIA_FIELDS: ReadonlySet<string> = new Set(['url', 'image_url', 'data', 'file_data', 'b64_json']);
const ENCODED = /^(data:[^,]{0,128},|[A-Za-z0-9+/_=-]+$)/;

/** Long text that may hold no space (Chinese, minified code) is text all the same: only a media field is counted flat. */
const isMedia = (field: string, text: string): boolean =>
  MEDIA_FIELDS.has(field) && text.length > 256 && ENCODED.test(text.slice(0, 256));

/** An estimate of the tokens of a JSON value sent as a prompt: the texts in it, and a flat figure for each embedded media part. */
export function estimateJsonTokens(value: unknown, field = ''): number {
  if (typeof value === 'string') return isMedia(field, value) ? MEDIA_PART_TOKENS : estimateTokens(value);
  if (typeof value !== 'object' || value === null) return VALUE_OVERHEAD_TOKENS;
  let tokens = VALUE_OVERHEAD_TOKENS;
  if (Array.isArray(value)) {
    for (const item of value) tokens += estimateJsonTokens(item);
    return tokens;
  }
  for (const key in value)
    tokens += VALUE_OVERHEAD_TOKENS + estimateJsonTokens((value as Record<string, unknown>)[key], key);
  return tokens;
}
