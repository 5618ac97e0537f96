import type { InferenceRequest } from '../../core/chat';
import type { DearKind, ModelPrice } from '../model-price';
import { askedServiceTier } from './service-tier';

/** No image costs more tokens than this at any provider, however few bytes it has: one colour of any size is a few hundred. */
const IMAGE_TOKENS = 65_536;
/** What providers add of their own: the framing of a chat, and the instructions for the use of tools. */
const FRAMING_TOKENS = 16;
const TOOL_TOKENS = 600;

/** Where the dialects have the parts of a conversation. What looks like an image elsewhere, in the arguments of a tool say, is read as text. */
const CONVERSATION = new Set(['messages', 'input']);
const INSIDE_PARTS = new Set(['content', 'output', 'source', 'image_url']);
const IMAGE_PARTS = new Set(['image_url', 'input_image', 'computer_screenshot']);

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
   * them; images are charged by their size in pixels, which is bounded by a constant, and documents by their pages, which
   * only the context window bounds.
   */
  readonly tokens: number;
  /** At this price; null: there is a bound. */
  readonly unbounded: Unbounded | null;
}

/** `windowOf`: how many tokens the model takes in; null: not known. */
export function promptBound(
  request: InferenceRequest,
  price: ModelPrice,
  windowOf: () => number | null = () => null,
): PromptBound {
  const { document } = request;
  const body = document.value;
  const media = mediaOf(body);
  const tools = body['tools'] === undefined && body['functions'] === undefined ? 0 : TOOL_TOKENS;
  const tokens = document.bytes.length - media.bytes + media.tokens + tools + FRAMING_TOKENS;
  const unbounded = media.unbounded ?? whyUnbounded(request, price) ?? whyUnpricedKind(body, media, price);
  if (!media.hasPages) return { tokens, unbounded };
  const window = windowOf();
  return { tokens: Math.max(tokens, window ?? 0), unbounded: unbounded ?? (window === null ? PAGES : null) };
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
  /** A document that is read page by page: a few bytes may unpack to any number of them. */
  hasPages: boolean;
  /** Something whose size the request does not tell, or that nobody has a price for. */
  unbounded: Unbounded | null;
}

const VIDEO: Unbounded = { why: 'video in the prompt has no known price', mend: LEAVE_OUT };
const ELSEWHERE_FILE: Unbounded = {
  why: 'a file that the provider fetches has no known size',
  mend: 'Send its content with the request.',
};
const PAGES: Unbounded = {
  why: 'it is not known how many tokens the model takes in, and nothing else bounds the pages of a document',
  mend: 'Send its text, use a model whose context window is known, or ask the operator to set context_window in pricing.overrides.',
};

function mediaOf(body: Readonly<Record<string, unknown>>): Media {
  const media: Media = { bytes: 0, tokens: 0, hasAudio: false, hasPages: false, unbounded: null };
  for (const key in body) addValue(body[key], { name: key, isPart: CONVERSATION.has(key) }, media);
  return media;
}

interface Place {
  readonly name: string;
  /** Where an image is an image to the provider. */
  readonly isPart: boolean;
}

function addValue(value: unknown, place: Place, media: Media): void {
  if (typeof value === 'string') addText(value, place.name, media);
  else if (Array.isArray(value)) for (const item of value) addValue(item, place, media);
  else if (typeof value === 'object' && value !== null) addMembers(value as Record<string, unknown>, place, media);
}

function addMembers(part: Readonly<Record<string, unknown>>, { name, isPart }: Place, media: Media): void {
  const { type } = part;
  if (typeof type === 'string') addKind(type, part, media);
  if (isPart && typeof type === 'string' && FILE_PARTS.has(type) && !isPlainText(fileOf(part))) media.hasPages = true;
  const image = isPart ? imageOf(part, name) : undefined;
  if (image !== undefined) {
    media.bytes += image.length;
    media.tokens += IMAGE_TOKENS;
  }
  for (const key in part) addValue(part[key], { name: key, isPart: isPart && INSIDE_PARTS.has(key) }, media);
}

/** The image in base64 that this member of a part stands for: `image_url` of Chat and of Responses, `source` of Messages. */
function imageOf(part: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const { type, media_type: mediaType, data, url, image_url: imageUrl } = part;
  if (name === 'source' && type === 'base64' && typeof mediaType === 'string' && mediaType.startsWith('image/'))
    return typeof data === 'string' ? data : undefined;
  const text = name === 'image_url' ? url : typeof type === 'string' && IMAGE_PARTS.has(type) && imageUrl;
  return typeof text === 'string' && text.startsWith('data:image/') ? text : undefined;
}

/** Parts of a prompt that are no text and no image. */
function addKind(type: string, part: Readonly<Record<string, unknown>>, media: Media): void {
  if (AUDIO_PARTS.has(type)) media.hasAudio = true;
  else if (VIDEO_PARTS.has(type)) media.unbounded ??= VIDEO;
  else if (FILE_PARTS.has(type) && ELSEWHERE.some((member) => member in fileOf(part)))
    media.unbounded ??= ELSEWHERE_FILE;
}

/** The member of a file's part that holds it, or says where it lies. */
function fileOf(part: Readonly<Record<string, unknown>>): object {
  const file = part['file'] ?? part['source'] ?? part;
  return typeof file === 'object' ? file : {};
}

const isPlainText = (file: object): boolean => 'type' in file && (file.type === 'text' || file.type === 'content');

function addText(text: string, name: string, media: Media): void {
  if (text.startsWith('data:audio/')) media.hasAudio = true;
  const isReference = (name === 'url' || name === 'file_url' || name === 'image_url') && text.startsWith('http');
  if (isReference || name === 'file_id') media.tokens += IMAGE_TOKENS;
}
