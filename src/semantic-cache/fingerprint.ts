import { createHmac } from 'node:crypto';
import type { InferenceRequest, JsonObject } from '../core/chat';
import type { Identity } from '../core/context';
import type { CacheScope } from './cache.config';
import { canonicalText } from './guard/canonical-text';

/** Counts up whenever what is stored, or what makes two requests equal, changes: older entries are then never found. */
const SCHEMA = 3;

/** Members of a body that do not change what an answer says, in both dialects. Whatever is not named here counts. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'stream',
  'stream_options',
  'user',
  'metadata',
  'service_tier',
  'store',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
]);

/** What identifies a request to the cache. */
export interface Fingerprint {
  /** Of everything but the last user text: only answers within it may ever be compared. */
  readonly partition: string;
  /** Of the partition and the last user text in canonical form: the key of its entry. */
  readonly id: string;
  /** Of the exact text. */
  readonly exact: string;
  /** The last user text, where it stands alone; null when the request ends in anything else. */
  readonly text: string | null;
  /** Whether the text is the only message, system messages aside. */
  readonly isSingleTurn: boolean;
}

/** Who may share an answer with this caller. A key without a user shares with nobody but itself under scope `user`. */
export const scopeOf = (identity: Identity, scope: CacheScope): string => SCOPES[scope](identity);

const SCOPES: Readonly<Record<CacheScope, (identity: Identity) => string>> = {
  key: ({ keyId }) => `key:${keyId}`,
  user: ({ keyId, userId }) => (userId === null ? `key:${keyId}` : `user:${userId}`),
  team: ({ teamId }) => `team:${teamId}`,
  department: ({ departmentId }) => `department:${departmentId}`,
  organization: () => 'organization',
};

/** JSON with the members of every object in one order, so that equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`);
  return `{${members.join(',')}}`;
}

/** Stands where the last user text was taken out. No JSON text reads like it, because it is no JSON. */
const TEXT_PLACE = '<text>';

/**
 * The keys of a request. `secret` keeps scopes apart even from someone who can read the store: without it no key can be
 * made or guessed.
 */
export function fingerprint(secret: Buffer, scope: string, request: InferenceRequest): Fingerprint {
  const body = request.document.value;
  const cut = cutLastText(body['messages']);
  const parts = [
    `schema:${SCHEMA}`,
    `scope:${JSON.stringify(scope)}`,
    `dialect:${request.dialect}`,
    `headers:${canonicalJson(headersThatCount(request))}`,
    `messages:${cut.messages}`,
  ];
  for (const key of Object.keys(body).sort()) {
    if (key === 'messages' || LEFT_OUT.has(key)) continue;
    parts.push(`${JSON.stringify(key)}:${canonicalJson(body[key])}`);
  }
  const partition = digest(secret, parts.join('\n'));
  const { text } = cut;
  return {
    partition,
    id: digest(secret, `${partition}\nid\n${text === null ? '' : canonicalText(text)}`),
    exact: digest(secret, `${partition}\nexact\n${text ?? ''}`),
    text,
    isSingleTurn: text !== null && cut.isSingleTurn,
  };
}

/** The vendors' versions and betas; a trace or a count of hops says nothing about the answer. */
const headersThatCount = ({ forwardedHeaders }: InferenceRequest): Record<string, string> =>
  Object.fromEntries(Object.entries(forwardedHeaders).filter(([name]) => name.startsWith('anthropic-')));

/** A key for something that belongs to a partition, such as the words of a text. */
export const partitionKey = (secret: Buffer, partition: string, what: string): string =>
  digest(secret, `${partition}\nwords\n${what}`);

const digest = (secret: Buffer, text: string): string => createHmac('sha256', secret).update(text).digest('hex');

interface Cut {
  /** The messages without the last user text. */
  readonly messages: string;
  readonly text: string | null;
  readonly isSingleTurn: boolean;
}

/** Takes the text out of the last message when it is the user's and holds nothing but one text. */
function cutLastText(messages: unknown): Cut {
  const whole: Cut = { messages: canonicalJson(messages), text: null, isSingleTurn: false };
  if (!Array.isArray(messages)) return whole;
  const last = messages.at(-1) as JsonObject | undefined;
  if (last?.['role'] !== 'user') return whole;
  const text = onlyText(last['content']);
  if (text === null) return whole;
  const { content: _, ...rest } = last;
  const earlier = messages.slice(0, -1) as JsonObject[];
  return {
    messages: `[${[...earlier.map(canonicalJson), canonicalJson(rest) + TEXT_PLACE].join(',')}]`,
    text,
    isSingleTurn: earlier.every(({ role }) => role === 'system' || role === 'developer'),
  };
}

/** A text, or a list of one text part without anything else in it. */
function onlyText(content: unknown): string | null {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content) || content.length !== 1) return null;
  const part = content[0] as JsonObject | null;
  const isBare = part !== null && typeof part === 'object' && Object.keys(part).length === 2;
  return isBare && part['type'] === 'text' && typeof part['text'] === 'string' ? part['text'] : null;
}
