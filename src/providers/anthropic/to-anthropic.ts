import type { ChatBody, JsonObject } from '../../core/chat';
import { asList, isObject, type AnthropicBlock } from './anthropic.wire';
import { anthropicCapabilities, type AnthropicCapabilities } from './to-anthropic.capabilities';
import { FILES_BETA } from './to-anthropic.content';
import { toAnswerFormat } from './to-anthropic.format';
import { toAnthropicMessages, type AnthropicConversation } from './to-anthropic.messages';
import {
  nativeParameters,
  refuseUntranslatable,
  toMaxTokens,
  toMetadata,
  toSampling,
  toServiceTier,
  toStopSequences,
  warnOfDropped,
  type OutputBounds,
} from './to-anthropic.parameters';
import { toThinking, type Thinking } from './to-anthropic.thinking';
import { limitBreakpoints, toAnthropicTools } from './to-anthropic.tools';

export { anthropicCapabilities, type AnthropicCapabilities };

export interface ToAnthropicOptions extends OutputBounds {
  /** The model that is asked, in Anthropic's words. */
  readonly model: string;
  /** Where the model differs from what its name says. */
  readonly capabilities?: Partial<AnthropicCapabilities> | undefined;
}

export interface AnthropicRequest {
  /** Ready to send to `/v1/messages`. */
  readonly body: JsonObject;
  /** One line for each parameter that was left out or changed: `field: why`. */
  readonly warnings: string[];
  /** The tool that stands in for a JSON schema answer; `fromAnthropicMessage` unwraps it. */
  readonly jsonTool: string | null;
  /** Values of `anthropic-beta` the request needs. */
  readonly betas: string[];
}

/**
 * A canonical chat body as a Messages request. What is harmless and has no counterpart is left out with a warning; what
 * has no translation throws `InvalidRequestError`. The body given is never changed; the one returned may share parts of it.
 */
export function toAnthropic(body: ChatBody, options: ToAnthropicOptions): AnthropicRequest {
  const warnings: string[] = [];
  const capabilities = { ...anthropicCapabilities(options.model), ...options.capabilities };
  refuseUntranslatable(body);
  warnOfDropped(body, warnings);
  const conversation = toAnthropicMessages(body.messages, capabilities);
  const ownTools = toAnthropicTools(body, conversation.calledTools, capabilities, warnings);
  const { format, instruction, jsonTool, tools } = toAnswerFormat(body, ownTools, capabilities);
  const system = instruction ? [...conversation.system, instruction] : conversation.system;
  const thinking = toThinking(
    {
      body,
      capabilities,
      maxTokens: toMaxTokens(body, options, warnings),
      toolChoice: tools.choice,
      messages: conversation.messages,
    },
    warnings,
  );
  limitBreakpoints(
    cacheable([...tools.tools, ...system], conversation),
    isObject(body['cache_control']) ? 1 : 0,
    warnings,
  );
  const request: JsonObject = {
    model: options.model,
    max_tokens: thinking.maxTokens,
    ...(system.length > 0 ? { system } : {}),
    messages: conversation.messages,
    ...(tools.tools.length > 0 ? { tools: tools.tools } : {}),
    ...(tools.choice ? { tool_choice: tools.choice } : {}),
    ...parameters(body, capabilities, thinking, warnings),
    ...outputConfig(body, format, thinking),
    ...nativeParameters(body),
    ...(body.stream === true ? { stream: true } : {}),
  };
  return { body: request, warnings, jsonTool, betas: conversation.usesFiles ? [FILES_BETA] : [] };
}

function parameters(
  body: ChatBody,
  capabilities: AnthropicCapabilities,
  thinking: Thinking,
  warnings: string[],
): JsonObject {
  const type = thinking.thinking?.['type'];
  const isThinking = type === 'enabled' || type === 'adaptive';
  const stop = toStopSequences(body.stop);
  const metadata = toMetadata(body, warnings);
  const serviceTier = toServiceTier(body['service_tier'], warnings);
  return {
    ...toSampling(body, capabilities, isThinking, warnings),
    ...(stop.length > 0 ? { stop_sequences: stop } : {}),
    ...(metadata ? { metadata } : {}),
    ...(serviceTier === null ? {} : { service_tier: serviceTier }),
    ...(thinking.thinking ? { thinking: thinking.thinking } : {}),
  };
}

/** What the client wrote in Anthropic's own `output_config` wins over what was translated. */
function outputConfig(body: ChatBody, format: JsonObject | null, thinking: Thinking): JsonObject {
  const { output_config: own } = body;
  const config: JsonObject = {
    ...(thinking.effort === null ? {} : { effort: thinking.effort }),
    ...(format ? { format } : {}),
    ...(isObject(own) ? own : {}),
  };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

/** Everything that may carry a cache breakpoint, in prompt order. */
function cacheable(
  before: readonly JsonObject[],
  conversation: AnthropicConversation,
): (JsonObject | AnthropicBlock)[] {
  const blocks = [...before];
  for (const turn of conversation.messages) {
    for (const block of turn.content) {
      if (block.type === 'tool_result') {
        blocks.push(...asList(block['content']).filter(isObject));
      }
      blocks.push(block);
    }
  }
  return blocks;
}
