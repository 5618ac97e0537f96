import { newId } from '../../src/core/ids';
import type { UsageRows } from '../../src/billing/store/usage-store';
import {
  ATTEMPT_COLUMNS,
  REQUEST_COLUMNS,
  type AttemptRow,
  type Charge,
  type RequestRow,
} from '../../src/billing/usage-rows';

const blank = (columns: object): object =>
  Object.fromEntries(
    Object.entries(columns).map(([name, type]) => {
      if (type === 'text') return [name, 'x'];
      if (type === 'boolean') return [name, false];
      return [name, type === 'jsonb' ? null : 0];
    }),
  );

const [ATTEMPT, REQUEST] = [blank(ATTEMPT_COLUMNS), blank(REQUEST_COLUMNS)];

export interface RowFields {
  readonly cost?: bigint;
  readonly provider?: string;
  readonly model?: string;
  readonly teamId?: string;
  readonly keyId?: string;
  readonly startedAtMs?: number;
  readonly inputTokens?: number;
  /** In the prompt, and twice as many in the answer. */
  readonly imageTokens?: number;
  readonly status?: number;
  readonly charges?: readonly Charge[];
}

export interface ShippedRows extends UsageRows {
  readonly attempt: AttemptRow;
}

/** A request of one attempt, as the journal ships it. */
export function usageRows(fields: RowFields): ShippedRows {
  const startedAtMs = fields.startedAtMs ?? Date.now();
  const requestId = newId('req', startedAtMs);
  const shared = {
    started_at: new Date(startedAtMs).toISOString(),
    provider: fields.provider ?? 'openai',
    model: fields.model ?? 'gpt-4o',
    team_id: fields.teamId ?? 'team_1',
    key_id: fields.keyId ?? 'key_1',
    department_id: 'dept_1',
    input_tokens: fields.inputTokens ?? 10,
    input_image_tokens: fields.imageTokens ?? 0,
    output_image_tokens: (fields.imageTokens ?? 0) * 2,
    cost_nano_usd: (fields.cost ?? 0n).toString(),
  };
  const kind = { status: 'succeeded', usage_source: 'provider' };
  const attempt = {
    ...(ATTEMPT as AttemptRow),
    ...shared,
    ...kind,
    id: newId('att', startedAtMs),
    request_id: requestId,
  };
  const status = { status: fields.status ?? 200, error_code: null, attempts: 1 };
  const request = { ...(REQUEST as RequestRow), ...shared, ...status, id: requestId };
  const { id, cost_nano_usd, started_at } = attempt;
  const booking = fields.charges ? { id, cost_nano_usd, started_at, charges: fields.charges } : null;
  return { attempt, attempts: [{ json: JSON.stringify(attempt), booking }], requests: [JSON.stringify(request)] };
}
