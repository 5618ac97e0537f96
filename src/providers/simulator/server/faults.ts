import { numberOf } from './loose-json';

const STREAM_FAULTS = [
  'hang-after',
  'cut-after',
  'fin-after',
  'half-event-after',
  'error-after',
  'malformed-after',
] as const;

/** Where in a stream, counted in content events, something goes wrong. */
export type StreamFault = (typeof STREAM_FAULTS)[number];

const REPLY_FAULTS = [
  '400',
  '401',
  '403',
  '404',
  '429',
  '500',
  '502',
  '503',
  '504',
  '529',
  'quota',
  'too-large',
  'context',
  'credit',
  'html502',
  'html200',
  'empty200',
  'truncated-json',
  'wrong-type',
  'wrong-shape',
  'error-first',
  'redirect',
  'reset',
  'hang',
  'hang-after-headers',
] as const;

/** Faults that replace the answer or the connection. */
export type ReplyFault = (typeof REPLY_FAULTS)[number];

/** Everything that is to go wrong with one call. */
export interface FaultPlan {
  /** As written; empty when nothing is planned. */
  readonly label: string;
  readonly reply: ReplyFault | null;
  readonly parameters: ReadonlyMap<string, string>;
  readonly stream: { readonly kind: StreamFault; readonly after: number } | null;
  readonly delayMs: number;
  readonly slowMs: number;
  readonly splitBytes: number;
  readonly crlf: boolean;
  readonly duplicateStart: boolean;
  readonly hideUsage: boolean;
  readonly billFactor: number;
  /** Seconds in a `retry-after` header of a successful answer, as Anthropic sometimes sends; 0: none. */
  readonly retryAfterOnSuccess: number;
  /** An Anthropic stream starts with half of the input tokens and corrects them at the end, as server tools do. */
  readonly lateInput: boolean;
}

type Draft = { -readonly [Field in keyof FaultPlan]: FaultPlan[Field] };

/** A planned wait is never longer than this, so that no call stays for ever. */
const LONGEST_WAIT_MS = 600_000;

export const NO_FAULT: FaultPlan = Object.freeze({
  label: '',
  reply: null,
  parameters: new Map<string, string>(),
  stream: null,
  delayMs: 0,
  slowMs: 0,
  splitBytes: 0,
  crlf: false,
  duplicateStart: false,
  hideUsage: false,
  billFactor: 1,
  retryAfterOnSuccess: 0,
  lateInput: false,
});

export class UnknownFaultError extends Error {
  constructor(part: string) {
    super(
      `The simulator knows no fault '${part}'. Known: ${REPLY_FAULTS.join(', ')}, ` +
        `${STREAM_FAULTS.map((name) => `${name}=N`).join(', ')}, delay=MS, slow=MS, split=BYTES, crlf, ` +
        `duplicate-start, no-usage, bill=3x, retry-after=SECONDS (on a success), late-input.`,
    );
  }
}

/** Reads `429,retry-after=7` or `split=3;crlf`: faults separated by `;`, each with parameters after commas. */
export function readFaults(text: string): FaultPlan {
  if (text === '') return NO_FAULT;
  const draft: Draft = { ...NO_FAULT, label: text, parameters: new Map() };
  for (const part of text.split(';')) {
    const [head = '', ...rest] = part.split(',').map((word) => word.trim());
    if (head === '') continue;
    const [name = '', value = ''] = head.split('=');
    if (!apply(draft, name, value)) throw new UnknownFaultError(head);
    draft.parameters = new Map([...draft.parameters, ...rest.map((word) => pairOf(word))]);
  }
  return draft;
}

function pairOf(word: string): [string, string] {
  const at = word.indexOf('=');
  return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
}

const amount = (value: string): number => Math.max(0, numberOf(Number(value.replace(/x$/, ''))) ?? 0);
const wait = (value: string): number => Math.min(amount(value), LONGEST_WAIT_MS);

const MODIFIERS = new Map<string, (draft: Draft, value: string) => void>(
  Object.entries({
    delay: (draft: Draft, value: string) => (draft.delayMs = wait(value)),
    slow: (draft: Draft, value: string) => (draft.slowMs = wait(value)),
    split: (draft: Draft, value: string) => (draft.splitBytes = Math.max(1, Math.floor(amount(value)))),
    crlf: (draft: Draft) => (draft.crlf = true),
    'duplicate-start': (draft: Draft) => (draft.duplicateStart = true),
    'no-usage': (draft: Draft) => (draft.hideUsage = true),
    'retry-after': (draft: Draft, value: string) => (draft.retryAfterOnSuccess = amount(value)),
    'late-input': (draft: Draft) => (draft.lateInput = true),
    bill: (draft: Draft, value: string) => (draft.billFactor = amount(value)),
  }),
);

function apply(draft: Draft, name: string, value: string): boolean {
  const modify = MODIFIERS.get(name);
  if (modify !== undefined) {
    modify(draft, value);
    return true;
  }
  const kind = STREAM_FAULTS.find((known) => known === name);
  if (kind !== undefined) {
    draft.stream = { kind, after: Math.floor(amount(value)) };
    return true;
  }
  const reply = REPLY_FAULTS.find((known) => known === name);
  if (reply === undefined) return false;
  draft.reply = reply;
  return true;
}

/** Both plans together; where both say something, the second wins. */
export function combineFaults(first: FaultPlan, second: FaultPlan): FaultPlan {
  if (first === NO_FAULT) return second;
  if (second === NO_FAULT) return first;
  return readFaults(`${first.label};${second.label}`);
}
