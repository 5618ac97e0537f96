/** The API a client or a provider speaks: Chat Completions, Messages, Responses or Embeddings. */
export type Dialect = 'openai' | 'anthropic' | 'responses' | 'embeddings';
