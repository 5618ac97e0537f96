import { newId } from '../../src/core/ids';
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
  readonly status?: number;
  readonly charges?: readonly Charge[];
}

/** A request of one attempt, as the journal ships it. */
export function usageRows(fields: RowFields): { attempts: AttemptRow[]; requests: RequestRow[] } {
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
    cost_nano_usd: (fields.cost ?? 0n).toString(),
  };
  return {
    attempts: [
      {
        ...(ATTEMPT as AttemptRow),
        ...shared,
        id: newId('att', startedAtMs),
        request_id: requestId,
        status: 'succeeded',
        usage_source: 'provider',
        ...(fields.charges ? { charges: fields.charges } : {}),
      },
    ],
    requests: [
      {
        ...(REQUEST as RequestRow),
        ...shared,
        id: requestId,
        status: fields.status ?? 200,
        error_code: null,
        attempts: 1,
      },
    ],
  };
}
