import type { ChatCompletion, ChatMessage, ChatToolCall, JsonObject } from '../../core/chat';
import type { FinishReason } from '../../core/reply';
import type { TokenUsage } from '../../core/tokens';
import { asList, asObject, asText, isObject } from './anthropic.wire';
import { AnswerExtras } from './from-anthropic.extras';
import { anthropicUsage, canonicalUsage, mergeAnthropicUsage } from './from-anthropic.usage';

export { anthropicUsage, canonicalUsage, mergeAnthropicUsage };

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
};

/** Null while the message has not ended; `other` for reasons not known here. */
export const anthropicFinish = (stopReason: unknown): FinishReason | null => {
  if (typeof stopReason !== 'string') return null;
  return FINISH_REASONS[stopReason] ?? 'other';
};

/** The word OpenAI's clients know: an unknown reason is an ordinary end. */
export const wireFinish = (finish: FinishReason): string => (finish === 'other' ? 'stop' : finish);

/** A call of the stand-in tool is the answer itself, not a tool call. */
export const withoutJsonTool = (finish: FinishReason, clientTools: number, jsonTool: string | null): FinishReason =>
  finish === 'tool_calls' && jsonTool !== null && clientTools === 0 ? 'stop' : finish;

export interface FromAnthropicOptions {
  /** `AnthropicRequest.jsonTool` of the request. */
  readonly jsonTool: string | null;
  /** `created` of the answer, in Unix seconds. */
  readonly createdSeconds: number;
}

/** Anthropic's message as a canonical completion. Unknown blocks are passed over. `usage` is null when it told none. */
export function fromAnthropicMessage(
  message: JsonObject,
  options: FromAnthropicOptions,
): { completion: ChatCompletion; usage: TokenUsage | null; finish: FinishReason } {
  const { id, model, stop_reason: stopReason, stop_details: stopDetails } = message;
  const answer = new AnswerBuilder(options.jsonTool);
  for (const block of asList(message['content'])) if (isObject(block)) answer.add(block);
  const usage = anthropicUsage(message['usage']);
  const finish = withoutJsonTool(anthropicFinish(stopReason) ?? 'other', answer.toolCalls.length, options.jsonTool);
  return {
    completion: {
      id: asText(id),
      object: 'chat.completion',
      created: options.createdSeconds,
      model: asText(model),
      choices: [
        {
          index: 0,
          message: answer.message(),
          logprobs: null,
          finish_reason: wireFinish(finish),
          ...(isObject(stopDetails) ? { stop_details: stopDetails } : {}),
        },
      ],
      ...(usage ? { usage: canonicalUsage(usage) } : {}),
    },
    usage,
    finish,
  };
}

class AnswerBuilder {
  readonly toolCalls: ChatToolCall[] = [];
  private text = '';
  private reasoning = '';
  private readonly extras = new AnswerExtras();

  constructor(private readonly jsonTool: string | null) {}

  add(block: JsonObject): void {
    switch (block['type']) {
      case 'text':
        return this.addText(block);
      case 'tool_use':
        return this.addToolUse(block);
      case 'thinking':
        this.reasoning += asText(block['thinking']);
        return this.extras.addThinking({ thinking: asText(block['thinking']), signature: asText(block['signature']) });
      case 'redacted_thinking':
        return this.extras.addRedactedThinking(block['data']);
      default:
        // Server tools and their results, and whatever comes next: the text around them tells what matters.
        return undefined;
    }
  }

  message(): ChatMessage {
    const isEmpty = this.text === '' && this.toolCalls.length > 0;
    return {
      role: 'assistant',
      content: isEmpty ? null : this.text,
      refusal: null,
      ...(this.toolCalls.length > 0 ? { tool_calls: this.toolCalls } : {}),
      ...(this.reasoning === '' ? {} : { reasoning_content: this.reasoning }),
      ...this.extras.fields(),
    };
  }

  private addText(block: JsonObject): void {
    const start = this.text.length;
    this.text += asText(block['text']);
    for (const citation of asList(block['citations'])) this.extras.addCitation(citation, start, this.text.length);
  }

  private addToolUse(block: JsonObject): void {
    const { id, name, input } = block;
    const argumentsText = JSON.stringify(asObject(input));
    if (this.jsonTool !== null && name === this.jsonTool) {
      this.text += argumentsText;
      return;
    }
    this.toolCalls.push({
      id: toolCallId(id, this.toolCalls.length),
      type: 'function',
      function: { name: asText(name), arguments: argumentsText },
    });
  }
}

/** The id must tell calls apart even when the provider sent none. */
export const toolCallId = (id: unknown, index: number): string =>
  typeof id === 'string' && id !== '' ? id : `toolu_gateway_${index}`;
