import type { Dialect } from './dialect';
import type { JsonDocument } from './json-document';
import { estimateJsonTokens } from './tokens';

export type { Dialect } from './dialect';

/** A JSON object whose fields we have not looked into. */
export type JsonObject = { [key: string]: unknown };

/**
 * The canonical form of a chat call: the OpenAI Chat Completions body, typed as far as the gateway looks inside. Fields
 * it does not know travel in the index signature and are never dropped on the way to a provider of the same dialect.
 */
export interface ChatBody {
  model: string;
  messages: ChatMessage[];
  tools?: ChatTool[];
  tool_choice?: unknown;
  parallel_tool_calls?: boolean;
  max_tokens?: number | null;
  max_completion_tokens?: number | null;
  stream?: boolean | null;
  stream_options?: { include_usage?: boolean } | null;
  stop?: string | string[] | null;
  temperature?: number | null;
  top_p?: number | null;
  n?: number | null;
  response_format?: JsonObject | null;
  reasoning_effort?: string | null;
  [extra: string]: unknown;
}

export interface ChatMessage {
  role: string;
  content?: string | ChatContentPart[] | null;
  name?: string;
  tool_calls?: ChatToolCall[];
  tool_call_id?: string;
  refusal?: string | null;
  [extra: string]: unknown;
}

export interface ChatContentPart {
  type: string;
  text?: string;
  [extra: string]: unknown;
}

export interface ChatToolCall {
  id: string;
  type: string;
  function: { name: string; arguments: string };
  [extra: string]: unknown;
}

export interface ChatTool {
  type: string;
  function?: { name: string; description?: string; parameters?: JsonObject; strict?: boolean | null };
  [extra: string]: unknown;
}

/** Canonical complete answer: an OpenAI `chat.completion`. */
export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  choices: ChatChoice[];
  usage?: JsonObject | null;
  [extra: string]: unknown;
}

export interface ChatChoice {
  index: number;
  message: ChatMessage;
  finish_reason: string;
  [extra: string]: unknown;
}

/** Canonical piece of a streamed answer: an OpenAI `chat.completion.chunk`. */
export interface ChatChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: ChatChunkChoice[];
  usage?: JsonObject | null;
  [extra: string]: unknown;
}

export interface ChatChunkChoice {
  index: number;
  delta: ChatDelta;
  finish_reason: string | null;
  [extra: string]: unknown;
}

export interface ChatDelta {
  role?: string;
  content?: string | null;
  tool_calls?: ChatToolCallDelta[];
  reasoning_content?: string | null;
  refusal?: string | null;
  [extra: string]: unknown;
}

export interface ChatToolCallDelta {
  index: number;
  id?: string;
  type?: string;
  function?: { name?: string; arguments?: string };
  [extra: string]: unknown;
}

export interface InferenceRequestFields {
  readonly dialect: Dialect;
  readonly document: JsonDocument;
  /** As the client wrote it. */
  readonly model: string;
  readonly stream: boolean;
  /** OpenAI only: the client asked for the usage chunk. */
  readonly includeUsage: boolean;
  /** The bound on the answer that the client set, or null. */
  readonly maxOutputTokens: number | null;
  /** OpenAI's `n`. */
  readonly choices: number;
  /** Headers of the client that its provider may see (`anthropic-version`, `anthropic-beta`, …), lower-case names. */
  readonly forwardedHeaders: Readonly<Record<string, string>>;
}

/** The members of a body, in any dialect, that the provider reads and counts as input. */
const PROMPT_MEMBERS = ['messages', 'tools', 'system', 'functions', 'input', 'instructions'] as const;

/**
 * One call as parsed at the edge, whatever it asks for: enough to route, price and record it. Immutable; the document
 * keeps the client's bytes, so a provider of the same dialect loses nothing.
 */
export abstract class InferenceRequest {
  readonly dialect: Dialect;
  readonly document: JsonDocument;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxOutputTokens: number | null;
  readonly choices: number;
  readonly forwardedHeaders: Readonly<Record<string, string>>;
  private inputEstimate = -1;

  constructor(fields: InferenceRequestFields) {
    this.dialect = fields.dialect;
    this.document = fields.document;
    this.model = fields.model;
    this.stream = fields.stream;
    this.includeUsage = fields.includeUsage;
    this.maxOutputTokens = fields.maxOutputTokens;
    this.choices = fields.choices;
    this.forwardedHeaders = fields.forwardedHeaders;
  }

  /** The call as a chat, for providers of another dialect. Throws `InvalidRequestError` when it cannot be one. */
  abstract canonical(): ChatBody;

  /** About how many tokens the provider will count for the prompt, tools included. */
  estimatedInputTokens(): number {
    if (this.inputEstimate < 0) {
      const body = this.document.value as JsonObject;
      this.inputEstimate = PROMPT_MEMBERS.reduce<number>(
        (sum, member) => (body[member] === undefined ? sum : sum + estimateJsonTokens(body[member])),
        3,
      );
    }
    return this.inputEstimate;
  }
}

export interface ChatRequestFields extends InferenceRequestFields {
  /** Makes the canonical body from the document; may throw `InvalidRequestError` when it has no canonical form. */
  readonly toCanonical: () => ChatBody;
}

/** A request for an answer in words or tool calls. */
export class ChatRequest extends InferenceRequest {
  private readonly toCanonical: () => ChatBody;
  private canonicalBody: ChatBody | undefined;

  constructor(fields: ChatRequestFields) {
    super(fields);
    this.toCanonical = fields.toCanonical;
  }

  /** Made once. Treat it as frozen: several attempts share it. */
  override canonical(): ChatBody {
    this.canonicalBody ??= this.toCanonical();
    return this.canonicalBody;
  }
}
