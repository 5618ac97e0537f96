import { InvalidRequestError } from '../../core/errors';
import type { JsonObject } from '../../core/chat';
import { asObject, asText, isBlank, isObject, type AnthropicBlock } from './anthropic.wire';

/** Image types the Messages API reads. */
const IMAGE_TYPES = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);
/** Needed when a block refers to an uploaded file. */
export const FILES_BETA = 'files-api-2025-04-14';
/** Blocks in Anthropic's own form that a client of the OpenAI dialect may put among its parts. */
const NATIVE_BLOCKS = new Set(['image', 'document', 'search_result']);

interface DataUrl {
  readonly mediaType: string;
  readonly isBase64: boolean;
  readonly data: string;
}

/** The head of a data URL ends within its first characters; looking further would scan megabytes of payload. */
const MAX_DATA_URL_HEAD = 512;

function parseDataUrl(url: string): DataUrl | null {
  if (!/^data:/i.test(url.slice(0, 5))) return null;
  const comma = url.slice(0, MAX_DATA_URL_HEAD).indexOf(',');
  if (comma < 0) return null;
  const [mediaType = '', ...parameters] = url.slice(5, comma).toLowerCase().split(';');
  return {
    mediaType: mediaType.trim() === 'image/jpg' ? 'image/jpeg' : mediaType.trim(),
    isBase64: parameters.some((parameter) => parameter.trim() === 'base64'),
    data: url.slice(comma + 1),
  };
}

const isWebUrl = (url: string): boolean => /^https?:\/\//i.test(url.slice(0, 8));

/** Parts of a user or tool message as blocks, blank text left out. `param` names the content in errors. */
export function toUserBlocks(content: unknown, param: string): AnthropicBlock[] {
  return toBlocks(content, param, mediaBlock);
}

/** Parts of a system or assistant message: text only. */
export function toTextBlocks(content: unknown, param: string): AnthropicBlock[] {
  return toBlocks(content, param, refuseMedia);
}

type PartTranslator = (part: JsonObject, type: string, param: string) => AnthropicBlock | null;

function toBlocks(content: unknown, param: string, other: PartTranslator): AnthropicBlock[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return isBlank(content) ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw new InvalidRequestError(`${param} must be a string or an array of parts.`, param);
  const blocks: AnthropicBlock[] = [];
  for (const [index, part] of content.entries()) {
    const block = toBlock(part, `${param}[${index}]`, other);
    if (block) blocks.push(block);
  }
  return blocks;
}

function toBlock(part: unknown, param: string, other: PartTranslator): AnthropicBlock | null {
  if (typeof part === 'string') return isBlank(part) ? null : { type: 'text', text: part };
  if (!isObject(part)) throw new InvalidRequestError(`${param} must be an object with a type.`, param);
  const { type, text, refusal } = part;
  if (type === 'text' || type === 'refusal') {
    const words = type === 'text' ? text : refusal;
    if (typeof words !== 'string')
      throw new InvalidRequestError(`${param}.${type} must be a string.`, `${param}.${type}`);
    return isBlank(words) ? null : withCacheControl({ type: 'text', text: words }, part);
  }
  if (type === 'thinking' || type === 'redacted_thinking') return null;
  const block = other(part, asText(type), param);
  return block && withCacheControl(block, part);
}

/** Keeps the caller's cache breakpoint. */
export function withCacheControl(block: AnthropicBlock, source: JsonObject): AnthropicBlock {
  const { cache_control: cacheControl } = source;
  return isObject(cacheControl) ? { ...block, cache_control: cacheControl } : block;
}

const refuseMedia: PartTranslator = (_part, type, param) => {
  throw new InvalidRequestError(
    `${param}: parts of type "${type}" are not possible in a system or assistant message for this model; send text.`,
    param,
  );
};

const mediaBlock: PartTranslator = (part, type, param) => {
  if (type === 'image_url') return imageUrlBlock(part, param);
  if (type === 'file') return fileBlock(asObject(part['file']), param);
  if (NATIVE_BLOCKS.has(type)) return { ...part, type };
  if (type === 'input_audio') {
    throw new InvalidRequestError(
      `${param}: this model does not hear audio. Send a transcript as text, or use a model with audio input.`,
      param,
    );
  }
  throw new InvalidRequestError(
    `${param}: parts of type "${type}" cannot be translated for this model. Use text, image_url or file.`,
    param,
  );
};

function imageUrlBlock(part: JsonObject, param: string): AnthropicBlock {
  const { image_url: image } = part;
  const url = typeof image === 'string' ? image : asText(asObject(image)['url']);
  const field = `${param}.image_url.url`;
  const dataUrl = parseDataUrl(url);
  if (dataUrl) return dataBlock(dataUrl, field, null);
  if (isWebUrl(url)) return { type: 'image', source: { type: 'url', url } };
  throw new InvalidRequestError(`${field} must be a data URL or an http(s) address.`, field);
}

function fileBlock(file: JsonObject, param: string): AnthropicBlock {
  const { file_id: fileId, file_data: fileData, filename } = file;
  const title = typeof filename === 'string' && filename !== '' ? filename : null;
  if (typeof fileId === 'string' && fileId !== '') return uploadedFileBlock(fileId, title, param);
  const field = `${param}.file.file_data`;
  if (typeof fileData !== 'string' || fileData === '') {
    throw new InvalidRequestError(`${field} is missing: send the file as a base64 data URL.`, field);
  }
  if (isWebUrl(fileData)) return titled({ type: 'document', source: { type: 'url', url: fileData } }, title);
  return dataBlock(parseDataUrl(fileData) ?? bareBase64(fileData, title), field, title);
}

/** Files of another provider's storage are out of reach; Anthropic's own ids begin with `file_`. */
function uploadedFileBlock(fileId: string, title: string | null, param: string): AnthropicBlock {
  if (fileId.startsWith('file_')) return titled({ type: 'document', source: { type: 'file', file_id: fileId } }, title);
  throw new InvalidRequestError(
    `${param}.file.file_id "${fileId.slice(0, 80)}" lies in another provider's storage, which this model cannot read. Send the file itself in file_data.`,
    `${param}.file.file_id`,
  );
}

/** Base64 without the data-URL head: a text file when its name says so, else a PDF. */
const bareBase64 = (data: string, title: string | null): DataUrl => ({
  mediaType: title !== null && /\.(txt|md|csv|json|xml|html?)$/i.test(title) ? 'text/plain' : 'application/pdf',
  isBase64: true,
  data,
});

function dataBlock(file: DataUrl, field: string, title: string | null): AnthropicBlock {
  const { mediaType, data } = file;
  if (data === '') throw new InvalidRequestError(`${field} is an empty data URL.`, field);
  if (mediaType.startsWith('text/') || mediaType === '') return textDocument(file, field, title);
  if (!file.isBase64) throw new InvalidRequestError(`${field} must be base64-encoded (";base64,").`, field);
  if (IMAGE_TYPES.has(mediaType)) return { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
  if (mediaType === 'application/pdf') {
    return titled({ type: 'document', source: { type: 'base64', media_type: mediaType, data } }, title);
  }
  throw new InvalidRequestError(
    `${field} has the type "${mediaType.slice(0, 80)}", which this model cannot read. Send JPEG, PNG, GIF, WebP, PDF or plain text.`,
    field,
  );
}

function textDocument(file: DataUrl, field: string, title: string | null): AnthropicBlock {
  const text = file.isBase64 ? Buffer.from(file.data, 'base64').toString('utf8') : decodePercent(file.data, field);
  if (isBlank(text)) throw new InvalidRequestError(`${field} is an empty text file.`, field);
  return titled({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: text } }, title);
}

function decodePercent(data: string, field: string): string {
  try {
    return decodeURIComponent(data);
  } catch {
    throw new InvalidRequestError(`${field} is not a valid data URL: its percent-encoding is broken.`, field);
  }
}

const titled = (block: AnthropicBlock, title: string | null): AnthropicBlock =>
  title === null ? block : { ...block, title };

/** Does the block refer to a file uploaded to Anthropic? */
export function refersToFile(block: AnthropicBlock): boolean {
  const { source } = block;
  return isObject(source) && source['type'] === 'file';
}
