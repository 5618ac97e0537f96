import type { InferenceRequest } from '../../core/chat';
import type { DearKind, ModelPrice } from '../model-price';
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

const AUDIO_PARTS = new Set(['input_audio', 'audio', 'audio_url']);
const VIDEO_PARTS = new Set(['input_video', 'video', 'video_url']);
const FILE_PARTS = new Set(['file', 'input_file', 'document']);
const ANSWER_KINDS = new Map<string, DearKind>([
  ['audio', 'outputAudio'],
  ['image', 'outputImage'],
]);
/** Members of a file that say where it lies, instead of what is in it. */
const ELSEWHERE = ['file_id', 'file_url', 'url'];

/** Tools that the caller runs. Others run at the provider, read what they like and have fees of their own. */
const CALLERS_TOOL =
  /^(function|custom|bash|text_editor|computer|memory|computer_use_preview|apply_patch|local_shell)(_|$)/;

/** Why the cost of a call has no upper bound, and what to do about it. */
export interface Unbounded {
  readonly why: string;
  readonly mend: string;
}

export const NEEDS_PRICE = 'Use a model with a known price, or ask the operator to set pricing.overrides.';
const LEAVE_OUT = 'Leave it out, or ask your administrator for a budget that is not hard.';

/** What a prompt is made of, as far as its cost is concerned. */
export interface PromptBound {
  /**
   * The most prompt tokens a provider can count. Tokens of text are made of whole bytes, so the bytes of the body bound
   * them; images are charged by their size in pixels, which is bounded by a constant.
   */
  readonly tokens: number;
  /** At this price; null: there is a bound. */
  readonly unbounded: Unbounded | null;
}

export function promptBound(request: InferenceRequest, price: ModelPrice): PromptBound {
  const { document } = request;
  const body = document.value;
  const media = mediaOf(body);
  const tools = body['tools'] === undefined && body['functions'] === undefined ? 0 : TOOL_TOKENS;
  return {
    tokens: document.bytes.length - media.bytes + media.tokens + tools + FRAMING_TOKENS,
    unbounded: media.unbounded ?? whyUnbounded(request, price) ?? whyUnpricedKind(body, media, price),
  };
}

/** Why the cost of this call has no bound that we know at this price; null: it has one. */
function whyUnbounded(request: InferenceRequest, { serviceTiers }: ModelPrice): Unbounded | null {
  const body = request.document.value;
  for (const member of ['previous_response_id', 'conversation', 'prompt', 'container', 'mcp_servers'] as const) {
    const value = body[member];
    if (value !== undefined && value !== null && typeof value !== 'boolean')
      return {
        why: `"${member}" makes the provider read more than this request holds`,
        mend: 'Send what it stands for with the request, or ask your administrator for a budget that is not hard.',
      };
  }
  if (body['web_search_options'] !== undefined)
    return { why: 'a search of the provider has no known cost', mend: LEAVE_OUT };
  const tier = askedServiceTier(request);
  if (tier !== undefined && !serviceTiers?.[tier])
    return { why: `the service tier "${tier}" has no known price`, mend: NEEDS_PRICE };
  const { tools } = body;
  if (!Array.isArray(tools)) return null;
  const foreign: unknown = tools
    .map((tool: unknown) => (typeof tool === 'object' && tool !== null && 'type' in tool ? tool.type : undefined))
    .find((type) => typeof type === 'string' && !CALLERS_TOOL.test(type));
  if (typeof foreign !== 'string') return null;
  return { why: `the tool "${foreign.slice(0, 64)}" runs at the provider`, mend: LEAVE_OUT };
}

/** Audio costs a multiple of text: where the price list has no price of its own for it, the price of text bounds nothing. */
function whyUnpricedKind(
  body: Readonly<Record<string, unknown>>,
  media: Media,
  { ownKinds }: ModelPrice,
): Unbounded | null {
  if (media.hasAudio && !ownKinds?.includes('inputAudio'))
    return { why: 'audio in the prompt has no known price (input_audio)', mend: NEEDS_PRICE };
  const { modalities } = body;
  if (!Array.isArray(modalities)) return null;
  const unpriced = (modalities as unknown[]).find((modality) => {
    const kind = typeof modality === 'string' ? ANSWER_KINDS.get(modality) : undefined;
    return modality !== 'text' && (kind === undefined || !ownKinds?.includes(kind));
  });
  if (unpriced === undefined) return null;
  return { why: `answers in ${JSON.stringify(unpriced).slice(0, 32)} have no known price`, mend: NEEDS_PRICE };
}

interface Media {
  /** Of base64 text that is counted by `tokens` instead. */
  bytes: number;
  tokens: number;
  hasAudio: boolean;
  /** Something whose size the request does not tell, or that nobody has a price for. */
  unbounded: Unbounded | null;
}

const NO_MEDIA = { bytes: 0, tokens: 0, hasAudio: false, unbounded: null };
const VIDEO: Unbounded = { why: 'video in the prompt has no known price', mend: LEAVE_OUT };
const ELSEWHERE_FILE: Unbounded = {
  why: 'a file that the provider fetches has no known size',
  mend: 'Send its content with the request.',
};

function mediaOf(value: unknown, media: Media = { ...NO_MEDIA }, name = ''): Media {
  if (typeof value === 'string') addText(value, name, media);
  else if (Array.isArray(value)) for (const item of value) mediaOf(item, media, name);
  else if (typeof value === 'object' && value !== null) addMembers(value as Record<string, unknown>, media);
  return media;
}

function addMembers(part: Readonly<Record<string, unknown>>, media: Media): void {
  const { type, media_type: mediaType } = part;
  if (typeof type === 'string') addKind(type, part, media);
  const isImage = typeof mediaType === 'string' && mediaType.startsWith('image/');
  for (const key in part) mediaOf(part[key], media, isImage && key === 'data' ? IMAGE_DATA : key);
}

/** Parts of a prompt that are no text and no image. */
function addKind(type: string, part: Readonly<Record<string, unknown>>, media: Media): void {
  if (AUDIO_PARTS.has(type)) media.hasAudio = true;
  else if (VIDEO_PARTS.has(type)) media.unbounded ??= VIDEO;
  else if (FILE_PARTS.has(type)) {
    const nested = part['file'] ?? part['source'] ?? part;
    const isElsewhere = typeof nested === 'object' && nested !== null && ELSEWHERE.some((member) => member in nested);
    if (isElsewhere) media.unbounded ??= ELSEWHERE_FILE;
  }
}

function addText(text: string, name: string, media: Media): void {
  if (text.startsWith('data:audio/')) media.hasAudio = true;
  const isReference = (name === 'url' || name === 'file_url' || name === 'image_url') && text.startsWith('http');
  if (isReference || name === 'file_id') media.tokens += IMAGE_TOKENS;
  else if (text.length > MEDIA_LENGTH && (name === IMAGE_DATA || text.startsWith('data:image/'))) {
    media.bytes += text.length;
    media.tokens += Math.min(text.length, IMAGE_TOKENS);
  }
}
