/** What the JSON of a journal record and a row of the database hold. Amounts are decimal text, because JSON has no integers of that size. */
export interface TokenColumns {
  input_tokens: number;
  cache_read_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  input_audio_tokens: number;
  input_image_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  output_audio_tokens: number;
  output_image_tokens: number;
  web_searches: number;
}

export interface WhoColumns {
  key_id: string;
  key_name: string;
  user_id: string | null;
  team_id: string;
  department_id: string;
}

/** Prices are pico-dollars for one token (or one search, one request) of the tier that applied. */
export interface PriceColumns {
  input_price_pico: string;
  cache_read_price_pico: string;
  cache_write_5m_price_pico: string;
  cache_write_1h_price_pico: string;
  input_audio_price_pico: string;
  input_image_price_pico: string;
  output_price_pico: string;
  reasoning_price_pico: string;
  output_audio_price_pico: string;
  output_image_price_pico: string;
  web_search_price_pico: string;
  request_price_pico: string;
}

/** A budget that pays for an attempt, and the lease it is paid from; null: a soft budget, which only counts. */
export interface Charge {
  readonly budget: string;
  readonly lease: string | null;
}

export interface AttemptRow extends TokenColumns, WhoColumns, PriceColumns {
  id: string;
  request_id: string;
  index: number;
  provider: string;
  model: string;
  served_model: string | null;
  started_at: string;
  status: string;
  http_status: number | null;
  error: string | null;
  usage_source: string;
  price_id: string;
  price_source: string;
  price_version: string;
  /** That was charged; null: the ordinary one. */
  service_tier: string | null;
  cost_nano_usd: string;
  latency_ms: number | null;
  ttfb_ms: number | null;
}

/** What the cost of an attempt is booked to when its row is stored. */
export interface Booking {
  /** The attempt. */
  readonly id: string;
  readonly cost_nano_usd: string;
  readonly started_at: string;
  readonly charges: readonly Charge[];
}

/** The JSON of a row, which nobody reads on the way to the store: as bytes where it comes from a journal. */
export type RowJson = string | Buffer;

/** A row on its way to the store, and what is booked with it. */
export interface AttemptText {
  readonly json: RowJson;
  /** null: no budget pays for it. */
  readonly booking: Booking | null;
}

/** What is known of a request before it is answered. */
export interface AskedColumns {
  started_at: string;
  endpoint: string;
  dialect: string;
  requested_model: string | null;
  stream: boolean;
  cache_status: string;
  config_version: string;
  metadata: unknown;
}

export interface RequestRow extends AskedColumns, TokenColumns, WhoColumns {
  id: string;
  provider: string | null;
  model: string | null;
  served_model: string | null;
  status: number;
  error_code: string | null;
  attempts: number;
  fallback: boolean;
  cost_nano_usd: string;
  saved_nano_usd: string;
  usage_source: string | null;
  price_version: string | null;
  latency_ms: number | null;
  ttfb_ms: number | null;
  overhead_ms: number | null;
  decisions: unknown;
}

export type ColumnTypes<Row> = { readonly [Column in keyof Row]-?: string };

export const TOKEN_COLUMNS: ColumnTypes<TokenColumns> = {
  input_tokens: 'bigint',
  cache_read_tokens: 'bigint',
  cache_write_5m_tokens: 'bigint',
  cache_write_1h_tokens: 'bigint',
  input_audio_tokens: 'bigint',
  input_image_tokens: 'bigint',
  output_tokens: 'bigint',
  reasoning_tokens: 'bigint',
  output_audio_tokens: 'bigint',
  output_image_tokens: 'bigint',
  web_searches: 'bigint',
};

const WHO: ColumnTypes<WhoColumns> = {
  key_id: 'text',
  key_name: 'text',
  user_id: 'text',
  team_id: 'text',
  department_id: 'text',
};

export const ATTEMPT_COLUMNS: ColumnTypes<AttemptRow> = {
  id: 'text',
  request_id: 'text',
  index: 'integer',
  provider: 'text',
  model: 'text',
  served_model: 'text',
  started_at: 'timestamptz',
  status: 'text',
  http_status: 'integer',
  error: 'text',
  ...TOKEN_COLUMNS,
  usage_source: 'text',
  price_id: 'text',
  price_source: 'text',
  price_version: 'text',
  service_tier: 'text',
  input_price_pico: 'bigint',
  cache_read_price_pico: 'bigint',
  cache_write_5m_price_pico: 'bigint',
  cache_write_1h_price_pico: 'bigint',
  input_audio_price_pico: 'bigint',
  input_image_price_pico: 'bigint',
  output_price_pico: 'bigint',
  reasoning_price_pico: 'bigint',
  output_audio_price_pico: 'bigint',
  output_image_price_pico: 'bigint',
  web_search_price_pico: 'bigint',
  request_price_pico: 'bigint',
  cost_nano_usd: 'bigint',
  latency_ms: 'integer',
  ttfb_ms: 'integer',
  ...WHO,
};

export const REQUEST_COLUMNS: ColumnTypes<RequestRow> = {
  id: 'text',
  started_at: 'timestamptz',
  ...WHO,
  endpoint: 'text',
  dialect: 'text',
  requested_model: 'text',
  provider: 'text',
  model: 'text',
  served_model: 'text',
  stream: 'boolean',
  status: 'integer',
  error_code: 'text',
  cache_status: 'text',
  attempts: 'integer',
  fallback: 'boolean',
  ...TOKEN_COLUMNS,
  cost_nano_usd: 'bigint',
  saved_nano_usd: 'bigint',
  usage_source: 'text',
  price_version: 'text',
  config_version: 'text',
  latency_ms: 'integer',
  ttfb_ms: 'integer',
  overhead_ms: 'double precision',
  metadata: 'jsonb',
  decisions: 'jsonb',
};
