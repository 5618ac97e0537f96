import type { JsonObject } from '../../../core/chat';
import type { GatewayError } from '../../../core/errors';
import type { StreamEvent } from '../../../core/reply';
import { formatSse } from '../../../core/sse-parser';
import { asObject } from '../anthropic/to-canonical.fields';
import type { ErrorFormat, ReplyFormat, StreamFormat } from '../format';
import { openAiErrors } from '../openai/format';
import { fromCompletion } from './from-canonical';
import { ResponsesEventWriter } from './from-canonical.stream';

/** The event that ends a broken stream: as recorded (nested) and as documented (flat), because clients read either. */
function errorEvent(error: GatewayError, requestId: string, sequenceNumber: number): string {
  const { error: body } = JSON.parse(openAiErrors.body(error, requestId).toString()) as { error: JsonObject };
  const { code, message, param } = body;
  const data = { type: 'error', sequence_number: sequenceNumber, code, message, param, error: body };
  return formatSse('error', JSON.stringify(data));
}

export const responsesErrors: ErrorFormat = {
  status: openAiErrors.status,
  body: openAiErrors.body,
  event: (error, requestId) => errorEvent(error, requestId, 0),
};

/** The last event, with the cost beside the usage. */
function withCost(data: JsonObject, costUsd: number): JsonObject {
  const response = asObject(data['response']);
  const { usage } = response;
  if (typeof usage !== 'object' || usage === null) return data;
  return { ...data, response: { ...response, usage: { ...usage, cost: costUsd } } };
}

/** A provider's own events, as they came. */
class NativeStream implements StreamFormat {
  private sequence = 0;

  constructor(private readonly costUsd: () => number) {}

  write(event: StreamEvent): string | Buffer {
    const number = event.data?.['sequence_number'];
    if (typeof number === 'number') this.sequence = number + 1;
    if (event.kind !== 'end' || !event.data) return event.raw ?? '';
    return formatSse(event.name, JSON.stringify(withCost(event.data, this.costUsd())));
  }

  fail(error: GatewayError, requestId: string): string {
    return errorEvent(error, requestId, this.sequence);
  }
}

/** Canonical chunks as events of the Responses API. */
class TranslatedStream implements StreamFormat {
  private readonly writer: ResponsesEventWriter;

  constructor(
    asked: Readonly<JsonObject>,
    inputTokensEstimate: number,
    private readonly costUsd: () => number,
  ) {
    this.writer = new ResponsesEventWriter({ asked, inputTokensEstimate });
  }

  write(event: StreamEvent): string {
    // A comment keeps the connection alive where the API has no event for it.
    if (event.kind === 'idle') return ': keep-alive\n\n';
    const written = this.writer.push(event);
    const last = event.kind === 'end' ? written.length - 1 : -1;
    return written
      .map((data, index) => (index === last ? withCost(data, this.costUsd()) : data))
      .map((data) => formatSse(String(data['type']), JSON.stringify(data)))
      .join('');
  }

  fail(error: GatewayError, requestId: string): string {
    return errorEvent(error, requestId, this.writer.nextSequenceNumber);
  }
}

export const responsesFormat: ReplyFormat = {
  json: (reply, _requestedModel, asked) =>
    reply.dialect === 'responses'
      ? (reply.raw ?? JSON.stringify(reply.value))
      : JSON.stringify(fromCompletion(reply.value, asked)),
  stream: (reply, { asked, costUsd, estimatedInputTokens }) =>
    reply.dialect === 'responses'
      ? new NativeStream(costUsd)
      : new TranslatedStream(asked, estimatedInputTokens(), costUsd),
};
