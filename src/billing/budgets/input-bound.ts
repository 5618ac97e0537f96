import type { InferenceRequest } from '../../core/chat';
import type { ModelPrice } from '../model-price';
import { askedServiceTier } from './service-tier';

/** Shorter texts are no images. */
const MEDIA_LENGTH = 1_024;
/** No image costs more tokens than this at any provider; a document may, and then its bytes bound it. */
const IMAGE_TOKENS = 65_536;
/** What providers add of their own: the framing of a chat, and the instructions for the use of tools. */
const FRAMING_TOKENS = 16;
const TOOL_TOKENS = 600;

/** Stands for the name of a member that holds an image in base64. */
const IMAGE_DATA = ' image';

/** Tools that the caller runs. Others run at the provider, read what they like and have fees of their own. */
const CALLERS_TOOL =
  /^(function|custom|bash|text_editor|computer|memory|computer_use_preview|apply_patch|local_shell)(_|$)/;

/**
 * The most prompt tokens a provider can count. Tokens of text are made of whole bytes, so the bytes of the body bound
 * them; images are charged by their size in pixels, which is bounded by a constant.
 */
export function inputTokenBound({ document }: InferenceRequest): number {
  const body = document.value;
  const media = mediaOf(body);
  const tools = body['tools'] === undefined && body['functions'] === undefined ? 0 : TOOL_TOKENS;
  return document.bytes.length - media.bytes + media.tokens + tools + FRAMING_TOKENS;
}

/** Why the cost of this call has no bound that we know at this price; null: it has one. */
export function whyUnbounded(request: InferenceRequest, { serviceTiers }: ModelPrice): string | null {
  const body = request.document.value;
  for (const member of ['previous_response_id', 'conversation', 'prompt', 'container', 'mcp_servers'] as const) {
    const value = body[member];
    if (value !== undefined && value !== null && typeof value !== 'boolean')
      return `"${member}" makes the provider read more than this request holds`;
  }
  if (body['web_search_options'] !== undefined) return 'a search of the provider has no known cost';
  const tier = askedServiceTier(request);
  if (tier !== undefined && !serviceTiers?.[tier]) return `the service tier "${tier}" has no known price`;
  const { tools } = body;
  if (!Array.isArray(tools)) return null;
  const foreign: unknown = tools
    .map((tool: unknown) => (typeof tool === 'object' && tool !== null && 'type' in tool ? tool.type : undefined))
    .find((type) => typeof type === 'string' && !CALLERS_TOOL.test(type));
  return typeof foreign === 'string' ? `the tool "${foreign.slice(0, 64)}" runs at the provider` : null;
}

interface Media {
  /** Of base64 text that is counted by `tokens` instead. */
  bytes: number;
  tokens: number;
}

function mediaOf(value: unknown, media: Media = { bytes: 0, tokens: 0 }, name = ''): Media {
  if (typeof value === 'string') addText(value, name, media);
  else if (Array.isArray(value)) for (const item of value) mediaOf(item, media, name);
  else if (typeof value === 'object' && value !== null) {
    const parts = value as Record<string, unknown>;
    const isImage = typeof parts['media_type'] === 'string' && parts['media_type'].startsWith('image/');
    for (const key in parts) mediaOf(parts[key], media, isImage && key === 'data' ? IMAGE_DATA : key);
  }
  return media;
}

function addText(text: string, name: string, media: Media): void {
  const isReference = (name === 'url' || name === 'file_url' || name === 'image_url') && text.startsWith('http');
  if (isReference || name === 'file_id') media.tokens += IMAGE_TOKENS;
  else if (text.length > MEDIA_LENGTH && (name === IMAGE_DATA || text.startsWith('data:image/'))) {
    media.bytes += text.length;
    media.tokens += Math.min(text.length, IMAGE_TOKENS);
  }
}
