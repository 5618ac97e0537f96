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
  readonly serviceTier?: string | undefined;
}

/**
 * Where a usage figure comes from: the provider's own count, our count of what was streamed, or the reservation, when
 * nothing better is known.
 */
export type UsageSource = 'provider' | 'counted' | 'reserved';

/** Words in and words out, and nothing dearer. */
export const plainUsage = (inputTokens: number, outputTokens: number, serviceTier?: string): TokenUsage => ({
  inputTokens,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  inputImageTokens: 0,
  outputTokens,
  reasoningTokens: 0,
  outputAudioTokens: 0,
  outputImageTokens: 0,
  webSearches: 0,
  serviceTier,
});

export const NO_USAGE: TokenUsage = Object.freeze(plainUsage(0, 0));

/*
 * The estimate is a machine that reads one character at a time: its state is the kind and length of the run it is in, and each
 * step adds hundredths of a token. Characters beyond ASCII are read as one of four classes.
 */
const ASCII = 128;
const [LATIN, EAST_ASIAN, SURROGATE, OTHER] = [ASCII, ASCII + 1, ASCII + 2, ASCII + 3];
/** Of every UTF-16 code unit. */
const CLASSES = Uint8Array.from({ length: 0x1_0000 }, (_, code) => classOf(code));
/** Room for all classes, as a power of two. */
const CLASS_BITS = 8;
const COSTS_BEYOND_ASCII = new Map([
  [LATIN, 70],
  [EAST_ASIAN, 82],
  [SURROGATE, 100],
  [OTHER, 42],
]);

function classOf(code: number): number {
  if (code < ASCII) return code;
  if (code < 0x250) return LATIN;
  if ((code >= 0x3040 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af)) return EAST_ASIAN;
  return code >= 0xd800 && code <= 0xdfff ? SURROGATE : OTHER;
}

const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** The states: nothing that matters, the first to eighth letter, three digits in turn, one space and more, and a symbol each. */
const [NEUTRAL, LETTERS, DIGITS, SPACE, SPACES, SYMBOLS] = [0, 1, 9, 12, 13, 14];
const LONG_WORD = LETTERS + 7;
const LINE_BREAK = 10;

interface Step {
  readonly next: number;
  /** Hundredths of a token. */
  readonly cost: number;
}

/** Words up to seven letters are one token, longer ones grow slowly. */
function letterStep(state: number): Step {
  const next = state >= LETTERS && state <= LONG_WORD ? Math.min(state + 1, LONG_WORD) : LETTERS;
  if (next === LONG_WORD) return { next, cost: 22 };
  return { next, cost: next === LETTERS ? 100 : 0 };
}

/** Three are one token. */
function digitStep(state: number): Step {
  const next = state === DIGITS || state === DIGITS + 1 ? state + 1 : DIGITS;
  return { next, cost: next === DIGITS ? 100 : 0 };
}

function spaceStep(state: number, read: number): Step {
  const isMore = state === SPACE || state === SPACES;
  const next = isMore ? SPACES : SPACE;
  if (read === LINE_BREAK) return { next, cost: 45 };
  return { next, cost: isMore ? 6 : 0 };
}

/** One that is repeated costs little. */
function symbolStep(state: number, read: number): Step {
  const next = SYMBOLS + read;
  return { next, cost: state === next ? 15 : 62 };
}

function stepOf(state: number, read: number): Step {
  if (read >= ASCII) return { next: NEUTRAL, cost: COSTS_BEYOND_ASCII.get(read) ?? 0 };
  if (isLetter(read)) return letterStep(state);
  if (isDigit(read)) return digitStep(state);
  return isSpace(read) ? spaceStep(state, read) : symbolStep(state, read);
}

/** `next << CLASS_BITS | cost` of each state and class. */
const STEPS = Uint16Array.from({ length: (SYMBOLS + ASCII) << CLASS_BITS }, (_, at) => {
  const { next, cost } = stepOf(at >> CLASS_BITS, at & ((1 << CLASS_BITS) - 1));
  return (next << CLASS_BITS) | cost;
});
const COST = (1 << CLASS_BITS) - 1;

/** A text is read in pieces as plain numbers: to ask a string for each of its characters takes twice as long. */
const PIECE = 16_384;
const classes = Buffer.allocUnsafeSlow(PIECE);
const wide = Buffer.allocUnsafeSlow(2 * PIECE);
const codes = new Uint16Array(wide.buffer, wide.byteOffset, PIECE);

/** Each step waits for the one before it, so that four places of a long piece are read in turns: a third of the time. */
const LANES = 4;
const LEAST_LANE = 512;
const SPACE_SOUGHT = 128;

/** Where a lane may begin, near `from`, because the state before does not matter there. -1: nowhere. */
function laneFrom(from: number): number {
  for (let at = from; at < from + SPACE_SOUGHT; at += 1) {
    const before = classes[at - 1]!;
    if (before >= ASCII || (classes[at] === 32 && !isSpace(before))) return at;
  }
  return -1;
}

/** Hundredths of a token, and the state behind the last character, of the classes of a piece. */
function readOn(state: number, from: number, to: number): { state: number; cost: number } {
  let at = from;
  let cost = 0;
  for (let now = state; ; at += 1) {
    if (at >= to) return { state: now, cost };
    const taken = STEPS[(now << CLASS_BITS) | classes[at]!]!;
    now = taken >> CLASS_BITS;
    cost += taken & COST;
  }
}

function readPiece(state: number, count: number): { state: number; cost: number } {
  const lane = Math.floor(count / LANES);
  if (lane < LEAST_LANE) return readOn(state, 0, count);
  const [second, third, fourth] = [laneFrom(lane), laneFrom(2 * lane), laneFrom(3 * lane)];
  if (second < 0 || third < 0 || fourth < 0) return readOn(state, 0, count);
  const together = Math.min(second, third - second, fourth - third, count - fourth);
  let [a, b, c, d, cost] = [state, NEUTRAL, NEUTRAL, NEUTRAL, 0];
  for (let at = 0; at < together; at += 1) {
    const ofA = STEPS[(a << CLASS_BITS) | classes[at]!]!;
    const ofB = STEPS[(b << CLASS_BITS) | classes[second + at]!]!;
    const ofC = STEPS[(c << CLASS_BITS) | classes[third + at]!]!;
    const ofD = STEPS[(d << CLASS_BITS) | classes[fourth + at]!]!;
    a = ofA >> CLASS_BITS;
    b = ofB >> CLASS_BITS;
    c = ofC >> CLASS_BITS;
    d = ofD >> CLASS_BITS;
    cost += (ofA & COST) + (ofB & COST) + (ofC & COST) + (ofD & COST);
  }
  const last = readOn(d, fourth + together, count);
  const rest = [readOn(a, together, second), readOn(b, second + together, third), readOn(c, third + together, fourth)];
  return { state: last.state, cost: rest.reduce((sum, part) => sum + part.cost, cost + last.cost) };
}

/**
 * An estimate of a text's token count in one linear pass, and within 0.88 to 1.15 of the o200k count for 90 % of prose, code
 * and minified samples (measured over 112 samples). A real BPE tokenizer is not used because its worst case is quadratic:
 * 50 KB of one letter blocks the process for seconds.
 */
export function estimateTokens(text: string): number {
  const { length } = text;
  const isAscii = Buffer.byteLength(text) === length;
  let read = { state: NEUTRAL, cost: 0 };
  let hundredths = 0;
  for (let from = 0; from < length; from += PIECE) {
    const count = Math.min(PIECE, length - from);
    const piece = length <= PIECE ? text : text.slice(from, from + count);
    if (isAscii) classes.write(piece, 'latin1');
    else {
      wide.write(piece, 'utf16le');
      for (let index = 0; index < count; index += 1) classes[index] = CLASSES[codes[index]!]!;
    }
    read = readPiece(read.state, count);
    hundredths += read.cost;
  }
  return Math.ceil(hundredths / 100);
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
