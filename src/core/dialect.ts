/** The API a client or a provider speaks. */
export type Dialect = 'openai' | 'anthropic';
