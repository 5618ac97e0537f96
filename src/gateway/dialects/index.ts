import type { Dialect } from '../../core/chat';
import { anthropicErrors, anthropicFormat } from './anthropic/format';
import type { DialectFormat } from './format';
import { openAiErrors, openAiFormat } from './openai/format';

/** All dialects a client may speak. */
export const DIALECTS: Readonly<Record<Dialect, DialectFormat>> = {
  openai: { dialect: 'openai', replies: openAiFormat, errors: openAiErrors },
  anthropic: { dialect: 'anthropic', replies: anthropicFormat, errors: anthropicErrors },
};
