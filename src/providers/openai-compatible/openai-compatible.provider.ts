import { OpenAiProvider } from '../openai/openai.provider';
import type { ProviderSettings } from '../provider';

/** Any server that speaks OpenAI's Chat Completions: vLLM, Ollama, Groq, Mistral, OpenRouter, Azure's v1 endpoint. */
export class OpenAiCompatibleProvider extends OpenAiProvider {
  constructor(settings: ProviderSettings) {
    super(settings, { type: 'openai-compatible', usesMaxTokens: true, speaksResponses: false });
  }
}
