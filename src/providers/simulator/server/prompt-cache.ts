import { createHash } from 'node:crypto';
import { estimateTokens, estimateJsonTokens } from '../../../core/tokens';
import { fieldsOf, isObject, listOf, type JsonObject } from './loose-json';
import type { Prompt } from './prompt';
import { NO_CACHING, type InputCaching } from './turn';

const MOST_PREFIXES = 20_000;
/** Shorter prompts are never cached, by either provider. */
const SHORTEST_TOKENS = 1_024;
/** OpenAI counts cached tokens in steps. */
const STEP_TOKENS = 128;
const CHUNK_CHARACTERS = 512;
const OPENAI_TTL_MS = 600_000;
const TTL_5M_MS = 300_000;
const TTL_1H_MS = 3_600_000;

/** What providers remember of the beginnings of prompts: OpenAI by itself, Anthropic where `cache_control` says so. */
export class PromptCache {
  private readonly expiries = new Map<string, number>();

  constructor(private readonly now: () => number) {}

  clear(): void {
    this.expiries.clear();
  }

  /** OpenAI: the longest beginning that this account sent before, if it is long enough; the prompt is remembered. */
  readOpenAi(account: string, prompt: Prompt): InputCaching {
    if (prompt.inputTokens < SHORTEST_TOKENS) return NO_CACHING;
    const hash = createHash('sha1').update(`${account}\n${prompt.model}\n`);
    let knownCharacters = 0;
    let known = true;
    for (let end = CHUNK_CHARACTERS; end <= prompt.transcript.length; end += CHUNK_CHARACTERS) {
      hash.update(prompt.transcript.slice(end - CHUNK_CHARACTERS, end));
      const key = hash.copy().digest('base64');
      known = known && this.has(key);
      if (known) knownCharacters = end;
      this.put(key, OPENAI_TTL_MS);
    }
    const share = estimateTokens(prompt.transcript.slice(0, knownCharacters));
    const tokens = Math.floor(Math.min(share, prompt.inputTokens) / STEP_TOKENS) * STEP_TOKENS;
    return tokens < SHORTEST_TOKENS ? NO_CACHING : { ...NO_CACHING, cachedTokens: tokens };
  }

  /** Anthropic: reads up to the longest block boundary that was written before, writes up to the last breakpoint. */
  readAnthropic(account: string, model: string, body: JsonObject, inputTokens: number): InputCaching {
    const blocks = blocksOf(body);
    const last = blocks.findLastIndex((block) => block.ttl !== null);
    if (last < 0) return NO_CACHING;
    const hash = createHash('sha1').update(`${account}\n${model}\n`);
    let tokens = 0;
    let read = 0;
    let longWrites = 0;
    const writes: { readonly key: string; readonly ttlMs: number }[] = [];
    for (const block of blocks.slice(0, last + 1)) {
      hash.update(block.text);
      tokens = Math.min(tokens + block.tokens, inputTokens);
      const key = hash.copy().digest('base64');
      if (tokens < SHORTEST_TOKENS) continue;
      if (this.has(key)) read = tokens;
      if (block.ttl === null) continue;
      writes.push({ key, ttlMs: block.ttl === '1h' ? TTL_1H_MS : TTL_5M_MS });
      if (block.ttl === '1h') longWrites = tokens;
    }
    if (writes.length === 0) return NO_CACHING;
    for (const write of writes) this.put(write.key, write.ttlMs);
    const write1hTokens = Math.max(0, longWrites - read);
    const write5mTokens = blocks[last]?.ttl === '5m' ? Math.max(0, tokens - Math.max(read, longWrites)) : 0;
    return { cachedTokens: read, write5mTokens, write1hTokens };
  }

  private has(key: string): boolean {
    return (this.expiries.get(key) ?? 0) > this.now();
  }

  private put(key: string, ttlMs: number): void {
    this.expiries.delete(key);
    this.expiries.set(key, this.now() + ttlMs);
    if (this.expiries.size <= MOST_PREFIXES) return;
    const oldest = this.expiries.keys().next();
    if (oldest.done !== true) this.expiries.delete(oldest.value);
  }
}

interface Block {
  readonly text: string;
  readonly tokens: number;
  readonly ttl: '5m' | '1h' | null;
}

/** Tools, system, messages: the order in which Anthropic lays a prompt out. */
function blocksOf(body: JsonObject): Block[] {
  const blocks = [...listOf(body['tools']).map(toBlock), ...contentBlocks(body['system'])];
  for (const message of listOf(body['messages']).map(fieldsOf)) blocks.push(...contentBlocks(message['content']));
  // A breakpoint of the request itself stands for one on the last block.
  const whole = ttlOf(body['cache_control']);
  const last = blocks.at(-1);
  if (whole !== null && last !== undefined) blocks[blocks.length - 1] = { ...last, ttl: last.ttl ?? whole };
  return blocks;
}

const contentBlocks = (content: unknown): Block[] =>
  typeof content === 'string' ? [toBlock({ type: 'text', text: content })] : listOf(content).map(toBlock);

function toBlock(value: unknown): Block {
  const { cache_control: control, ...rest } = fieldsOf(value);
  return { text: JSON.stringify(rest), tokens: estimateJsonTokens(rest), ttl: ttlOf(control) };
}

function ttlOf(control: unknown): '5m' | '1h' | null {
  if (!isObject(control)) return null;
  return control['ttl'] === '1h' ? '1h' : '5m';
}
