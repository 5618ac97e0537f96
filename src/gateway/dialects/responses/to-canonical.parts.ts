import type { ChatContentPart, ChatMessage, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asText, requireObject, requireText } from '../anthropic/to-canonical.fields';

type PartReader = (part: JsonObject, param: string) => ChatContentPart;

/** Content as chat parts; a string is one text part. */
export function partsOf(content: unknown, param: string, read: PartReader): ChatContentPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) {
    throw new InvalidRequestError(`${param} must be a string or a list of content parts.`, param);
  }
  return content.map((value: unknown, index) => {
    const place = `${param}[${index}]`;
    return read(requireObject(value, place), place);
  });
}

/** One text alone is written as a string: every compatible server reads that. */
export function toContent(parts: readonly ChatContentPart[]): string | ChatContentPart[] {
  const [first] = parts;
  if (first === undefined) return '';
  return parts.length === 1 && first.type === 'text' ? (first.text ?? '') : [...parts];
}

/** A part of what the model is told. */
export function userPart(part: JsonObject, param: string): ChatContentPart {
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: requireText(part['text'], `${param}.text`) };
    case 'input_image':
      return image(part, param);
    case 'input_file':
      return file(part, param);
    case 'input_audio':
      return { type: 'input_audio', input_audio: part['input_audio'] };
    default:
      throw unknownPart(part, param);
  }
}

/** What the model said: words and refusals, each joined. */
export function assistantContent(content: unknown, param: string): Partial<ChatMessage> {
  let refusal = '';
  const words = partsOf(content, param, (part, place) => {
    const { type } = part;
    if (type === 'refusal') refusal += requireText(part['refusal'], `${place}.refusal`);
    else if (type !== 'output_text' && type !== 'input_text' && type !== 'text') throw unknownPart(part, place);
    return { type: 'text', text: type === 'refusal' ? '' : requireText(part['text'], `${place}.text`) };
  });
  const text = words.map((part) => part.text ?? '').join('');
  return { content: text === '' ? null : text, ...(refusal === '' ? {} : { refusal }) };
}

const unknownPart = ({ type }: JsonObject, param: string): InvalidRequestError =>
  new InvalidRequestError(
    `${param}.type "${asText(type).slice(0, 80)}" has no counterpart at the provider of this model: send input_text, input_image or input_file.`,
    `${param}.type`,
  );

function image({ image_url: url, file_id: id, detail }: JsonObject, param: string): ChatContentPart {
  if (typeof url !== 'string') throw heldAtOpenAi(id, param, 'image_url');
  return { type: 'image_url', image_url: { url, ...(typeof detail === 'string' ? { detail } : {}) } };
}

function file({ file_data: data, file_url: url, file_id: id, filename }: JsonObject, param: string): ChatContentPart {
  const content = data ?? url;
  if (typeof content !== 'string') throw heldAtOpenAi(id, param, 'file_data or file_url');
  return { type: 'file', file: { file_data: content, ...(typeof filename === 'string' ? { filename } : {}) } };
}

function heldAtOpenAi(id: unknown, param: string, instead: string): InvalidRequestError {
  if (id === undefined || id === null) return new InvalidRequestError(`${param} must have ${instead}.`, param);
  return new InvalidRequestError(
    `${param}.file_id names a file kept at OpenAI, and this model is served elsewhere: send ${instead}.`,
    `${param}.file_id`,
  );
}
