import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BillingService } from '../../src/billing';
import { chatRequest, contextOf, outcome, usageOf } from '../../src/billing/testing/usage-fixtures';
import { SystemClock } from '../../src/platform/clock';
import { startGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';

const YAML = `
providers:
  openai:
    api_key: sk-test
    models: [gpt-4o]
`;

describe('billing in the application', () => {
  it('stores everything before the database is let go, and leaves no journal behind', async () => {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'billing-app-'));
    const url = await createTestDatabase();
    const gateway = await startGateway(YAML, { DATABASE_URL: url, GATEWAY_DATA_DIR: dataDir });
    const billing = gateway.app.get(BillingService);
    const clock = new SystemClock();
    for (let index = 0; index < 2_500; index += 1) {
      const context = contextOf(clock);
      billing.track(context);
      context.attempts = billing.openLedger(context);
      const request = chatRequest();
      const attempt = await context.attempts.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
      attempt.settle(outcome({ usage: usageOf(10, 1) }));
      context.close();
    }
    expect(billing.journalStats().backlogRows).toBeGreaterThan(4_000);
    await gateway.close();
    const database = await connect(url);
    const [row] = await database.query<{ requests: string; attempts: string }[]>(
      'select (select count(*) from usage_requests) as requests, (select count(*) from usage_attempts) as attempts',
    );
    await database.destroy();
    expect(row).toEqual({ requests: '2500', attempts: '2500' });
    expect(fs.readdirSync(path.join(dataDir, 'journal'))).toEqual([]);
    fs.rmSync(dataDir, { recursive: true });
  });
});
