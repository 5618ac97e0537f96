import type { JsonObject } from './loose-json';

/** The dated names real providers answer with. Names not listed answer as asked. */
const DATED = new Map(
  Object.entries({
    'gpt-4o': 'gpt-4o-2024-08-06',
    'gpt-4o-mini': 'gpt-4o-mini-2024-07-18',
    'gpt-4.1': 'gpt-4.1-2025-04-14',
    'gpt-4.1-mini': 'gpt-4.1-mini-2025-04-14',
    'gpt-4.1-nano': 'gpt-4.1-nano-2025-04-14',
    'gpt-3.5-turbo': 'gpt-3.5-turbo-0125',
    'gpt-5': 'gpt-5-2025-08-07',
    'gpt-5-mini': 'gpt-5-mini-2025-08-07',
    'gpt-5-nano': 'gpt-5-nano-2025-08-07',
    'o3-mini': 'o3-mini-2025-01-31',
    'claude-haiku-4-5': 'claude-haiku-4-5-20251001',
    'claude-sonnet-4-5': 'claude-sonnet-4-5-20250929',
    'claude-sonnet-4-0': 'claude-sonnet-4-20250514',
  }),
);

export const datedName = (model: string): string => DATED.get(model) ?? model;

/** The one name that no provider has. */
export const MISSING_MODEL = 'missing-model';

const OPENAI_MODELS = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini', 'gpt-5', 'gpt-5-mini', 'o3-mini'];
const EMBEDDING_MODELS = ['text-embedding-3-small', 'text-embedding-3-large', 'text-embedding-ada-002'];
const ANTHROPIC_MODELS = [
  'claude-opus-4-8',
  'claude-sonnet-4-6',
  'claude-sonnet-4-20250514',
  'claude-haiku-4-5-20251001',
  'claude-3-5-haiku-20241022',
];

const openAiModel = (id: string): JsonObject => ({ id, object: 'model', created: 1_715_367_049, owned_by: 'system' });

const anthropicModel = (id: string): JsonObject => ({
  type: 'model',
  id,
  display_name: id.replaceAll('-', ' ').replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
  created_at: '2025-10-15T00:00:00Z',
});

export function modelList(anthropic: boolean): JsonObject {
  if (!anthropic) return { object: 'list', data: [...OPENAI_MODELS, ...EMBEDDING_MODELS].map(openAiModel) };
  return {
    data: ANTHROPIC_MODELS.map(anthropicModel),
    has_more: false,
    first_id: ANTHROPIC_MODELS[0],
    last_id: ANTHROPIC_MODELS.at(-1),
  };
}

export const oneModel = (id: string, anthropic: boolean): JsonObject =>
  anthropic ? anthropicModel(id) : openAiModel(id);
