import type { Dialect } from '../../core/chat';
import { anthropicErrors, anthropicFormat } from './anthropic/format';
import type { DialectFormat } from './format';
import { openAiErrors, openAiFormat } from './openai/format';
import { responsesErrors, responsesFormat } from './responses/format';

/** All dialects a client may speak. */
export const DIALECTS: Readonly<Record<Dialect, DialectFormat>> = {
  openai: { dialect: 'openai', replies: openAiFormat, errors: openAiErrors },
  anthropic: { dialect: 'anthropic', replies: anthropicFormat, errors: anthropicErrors },
  responses: { dialect: 'responses', replies: responsesFormat, errors: responsesErrors },
  // Vectors are written as the provider wrote them; only their errors need a form.
  embeddings: { dialect: 'embeddings', replies: openAiFormat, errors: openAiErrors },
};
