import { ChatRequest, type InferenceRequest, type JsonObject } from '../core/chat';

/** Why an answer to this request must not come from the cache or go into it. */
export type Ineligible = 'not_chat' | 'several_choices' | 'logprobs' | 'web_search' | 'audio' | 'background';

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== false && value !== 0;

function isSearchTool(tool: unknown): boolean {
  const type = (tool as JsonObject | null)?.['type'];
  return typeof type === 'string' && type.includes('search');
}

/** Null when the request may be answered from the cache. */
export function whyNotCached(request: InferenceRequest): Ineligible | null {
  const isChat = request instanceof ChatRequest && (request.dialect === 'openai' || request.dialect === 'anthropic');
  if (!isChat) return 'not_chat';
  const body = request.document.value;
  if (request.choices !== 1) return 'several_choices';
  if (isSet(body['logprobs']) || isSet(body['top_logprobs'])) return 'logprobs';
  const tools = Array.isArray(body['tools']) ? body['tools'] : [];
  // What is searched for now is asked for because it may have changed.
  if (isSet(body['web_search_options']) || tools.some(isSearchTool)) return 'web_search';
  if (isSet(body['audio'])) return 'audio';
  return isSet(body['background']) ? 'background' : null;
}

/** Above it the caller wants variety, which a similar question's answer would take away. */
const MAX_SEMANTIC_TEMPERATURE = 0.3;

/** Whether an answer to a similar question may do: no tools to call, and no variety asked for. */
export function maySubstitute(request: InferenceRequest): boolean {
  const { tools, functions, temperature } = request.document.value;
  const hasTools = [tools, functions].some((list) => Array.isArray(list) && list.length > 0);
  return !hasTools && (typeof temperature !== 'number' || temperature <= MAX_SEMANTIC_TEMPERATURE);
}
