import type { ChatContentPart, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asObject, asText, isObject, requireText } from './to-canonical.fields';

/** Text of a block in a system or assistant message; only text and summaries of earlier text have one. */
export function toText(block: JsonObject, param: string): string {
  const { type } = block;
  if (type === 'text') return requireText(block['text'], `${param}.text`);
  if (type === 'compaction') return asText(block['content']);
  throw noForm(type, param);
}

/** A block of a user message or a tool result as parts. Empty text gives none. */
export function toPart(block: JsonObject, param: string): ChatContentPart[] {
  switch (block['type']) {
    case 'text':
      return textPart(requireText(block['text'], `${param}.text`));
    case 'image':
      return [imagePart(asObject(block['source']), `${param}.source`)];
    case 'document':
      return documentParts(block, `${param}.source`);
    case 'search_result':
      return searchResultParts(block, param);
    case 'tool_reference':
      return textPart(asText(block['tool_name']));
    default:
      throw noForm(block['type'], param);
  }
}

const textPart = (text: string): ChatContentPart[] => (text === '' ? [] : [{ type: 'text', text }]);

const noForm = (type: unknown, param: string): InvalidRequestError =>
  new InvalidRequestError(
    `${param}.type "${asText(type).slice(0, 80)}" has no form for this model. Send text, images or documents, or ask for a Claude model.`,
    `${param}.type`,
  );

function imagePart(source: JsonObject, param: string): ChatContentPart {
  const { type, media_type: mediaType, data, url, file_id: fileId } = source;
  if (type === 'base64') {
    const image = `data:${requireText(mediaType, `${param}.media_type`)};base64,${requireText(data, `${param}.data`)}`;
    return { type: 'image_url', image_url: { url: image } };
  }
  if (type === 'url') return { type: 'image_url', image_url: { url: requireText(url, `${param}.url`) } };
  if (type === 'file') throw foreignFile(fileId, param);
  throw new InvalidRequestError(`${param}.type must be base64 or url.`, `${param}.type`);
}

function documentParts(block: JsonObject, param: string): ChatContentPart[] {
  const { title, source } = block;
  const { type, media_type: mediaType, data, url, content, file_id: fileId } = asObject(source);
  const filename = asText(title) || 'document.pdf';
  switch (type) {
    case 'base64': {
      const file = `data:${requireText(mediaType, `${param}.media_type`)};base64,${requireText(data, `${param}.data`)}`;
      return [{ type: 'file', file: { filename, file_data: file } }];
    }
    case 'url':
      return [{ type: 'file', file: { filename, file_data: requireText(url, `${param}.url`) } }];
    case 'text':
      return titledText(title, requireText(data, `${param}.data`));
    case 'content':
      return contentParts(title, content, param);
    case 'file':
      throw foreignFile(fileId, param);
    default:
      throw new InvalidRequestError(`${param}.type must be base64, url, text or content.`, `${param}.type`);
  }
}

const titledText = (title: unknown, text: string): ChatContentPart[] =>
  textPart(typeof title === 'string' && title !== '' ? `${title}\n\n${text}` : text);

function contentParts(title: unknown, content: unknown, param: string): ChatContentPart[] {
  if (typeof content === 'string') return titledText(title, content);
  const blocks = Array.isArray(content) ? content : [];
  const heading = typeof title === 'string' ? textPart(title) : [];
  return [...heading, ...blocks.flatMap((block, index) => toPart(asObject(block), `${param}.content[${index}]`))];
}

/** A search result in words: where it comes from, then what it says. */
function searchResultParts(block: JsonObject, param: string): ChatContentPart[] {
  const { title, source, content } = block;
  const texts = (Array.isArray(content) ? content : [])
    .filter(isObject)
    .map((entry) => toText(entry, `${param}.content`));
  return textPart([`${asText(title)} (${asText(source)})`, ...texts].join('\n'));
}

const foreignFile = (fileId: unknown, param: string): InvalidRequestError =>
  new InvalidRequestError(
    `${param}.file_id "${asText(fileId).slice(0, 80)}" lies in Anthropic's storage, which this model cannot read. Send the file itself as base64.`,
    `${param}.file_id`,
  );
