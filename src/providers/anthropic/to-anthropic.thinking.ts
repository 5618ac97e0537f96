import type { ChatBody, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { asObject, isObject, type AnthropicTurn } from './anthropic.wire';
import type { AnthropicCapabilities } from './to-anthropic.capabilities';

/** The least the API takes as `budget_tokens`. */
const MIN_BUDGET_TOKENS = 1_024;

/** Thinking tokens for a reasoning effort, where a model counts in tokens. */
const BUDGET_TOKENS: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 4_096,
  high: 16_384,
  xhigh: 32_000,
  max: 32_000,
};

export interface Thinking {
  /** `thinking` of the request, or null to leave it out. */
  readonly thinking: JsonObject | null;
  /** `output_config.effort`, or null. */
  readonly effort: string | null;
  /** At least one more than the budget. */
  readonly maxTokens: number;
}

export interface ThinkingRequest {
  readonly body: ChatBody;
  readonly capabilities: AnthropicCapabilities;
  readonly maxTokens: number;
  /** The choice forbids thinking when it forces a tool. */
  readonly toolChoice: JsonObject | null;
  readonly messages: readonly AnthropicTurn[];
}

/** What the request says about thinking: the client's own `thinking`, else what its `reasoning_effort` means here. */
export function toThinking(request: ThinkingRequest, warnings: string[]): Thinking {
  const asked = isObject(request.body['thinking'])
    ? nativeThinking(request.body['thinking'], request.maxTokens)
    : fromEffort(request, warnings);
  const type = asked.thinking?.['type'];
  if (type !== 'enabled' && type !== 'adaptive') return asked;
  const obstacle = obstacleTo(type, request);
  if (!obstacle) return asked;
  warnings.push(`${isObject(request.body['thinking']) ? 'thinking' : 'reasoning_effort'}: ${obstacle}`);
  return { ...asked, thinking: null, maxTokens: request.maxTokens };
}

function nativeThinking(thinking: JsonObject, maxTokens: number): Thinking {
  const { budget_tokens: budget } = thinking;
  const needed = typeof budget === 'number' && budget >= maxTokens ? budget + maxTokens : maxTokens;
  return { thinking, effort: null, maxTokens: needed };
}

function fromEffort(request: ThinkingRequest, warnings: string[]): Thinking {
  const { body, capabilities, maxTokens } = request;
  const effort = body.reasoning_effort ?? null;
  const nothing: Thinking = { thinking: null, effort: null, maxTokens };
  if (effort === null) return nothing;
  if (effort === 'none') return withoutThinking(nothing, capabilities, warnings);
  const budget = BUDGET_TOKENS[effort];
  if (budget === undefined) {
    throw new InvalidRequestError(
      'reasoning_effort must be none, minimal, low, medium, high or xhigh.',
      'reasoning_effort',
    );
  }
  if (!capabilities.thinking) {
    warnings.push('reasoning_effort: this model does not think');
    return nothing;
  }
  if (!capabilities.adaptiveThinking) return withBudget(budget, maxTokens);
  return { thinking: { type: 'adaptive' }, effort: adaptiveEffort(effort, capabilities, warnings), maxTokens };
}

function withoutThinking(nothing: Thinking, capabilities: AnthropicCapabilities, warnings: string[]): Thinking {
  if (!capabilities.thinking) return nothing;
  if (capabilities.disabledThinking) return { ...nothing, thinking: { type: 'disabled' } };
  warnings.push('reasoning_effort: this model always thinks, the lowest effort is used');
  return { ...nothing, effort: 'low' };
}

function adaptiveEffort(effort: string, capabilities: AnthropicCapabilities, warnings: string[]): string {
  if (effort === 'minimal') return 'low';
  if (effort !== 'xhigh' || capabilities.xhighEffort) return effort;
  warnings.push('reasoning_effort: lowered to high, the highest of this model');
  return 'high';
}

/** Part of the client's bound that thinking may take; the rest is for the answer. */
const BUDGET_SHARE = 0.8;

/** Keeps within the client's bound on the answer where the least budget fits in it; otherwise the bound is raised by that. */
function withBudget(wanted: number, maxTokens: number): Thinking {
  const fitting = Math.min(wanted, Math.floor(maxTokens * BUDGET_SHARE));
  const budget = Math.max(fitting, MIN_BUDGET_TOKENS);
  return {
    thinking: { type: 'enabled', budget_tokens: budget },
    effort: null,
    maxTokens: fitting >= MIN_BUDGET_TOKENS ? maxTokens : maxTokens + MIN_BUDGET_TOKENS,
  };
}

/** Why this request cannot think, or null. */
function obstacleTo(type: string, request: ThinkingRequest): string | null {
  const choice = request.toolChoice?.['type'];
  if (choice === 'any' || choice === 'tool') return 'not possible together with a forced tool';
  if (type === 'enabled' && isToolLoopWithoutThinking(request.messages)) {
    return 'the tool calls being answered carry no thinking blocks';
  }
  return null;
}

/** With a budget, the API wants the assistant turn whose tools are being answered to begin with its thinking. */
function isToolLoopWithoutThinking(messages: readonly AnthropicTurn[]): boolean {
  const assistant = messages.findLast((turn) => turn.role === 'assistant');
  if (!assistant?.content.some((block) => block.type === 'tool_use')) return false;
  const first = asObject(assistant.content[0])['type'];
  return first !== 'thinking' && first !== 'redacted_thinking';
}
