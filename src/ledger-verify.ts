import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { AppConfig } from './app.config';
import { ledgerReport, verifyLedger } from './billing';
import { ConfigModule } from './platform/config/config.module';
import { ConfigurationError } from './platform/config/configuration-error';
import { EXIT_CONFIG, loadConfigurationOrExit } from './platform/config/load-configuration';
import { DatabaseModule } from './platform/database';
import { PlatformModule } from './platform/platform.module';

@Module({ imports: [ConfigModule.forRoot(AppConfig), PlatformModule, DatabaseModule] })
class LedgerVerifyModule {}

/** `npm run ledger:verify`: 0 when the books balance, 1 when they do not, with what differs. */
async function run(): Promise<number> {
  const app = await NestFactory.createApplicationContext(LedgerVerifyModule, {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  const findings = await verifyLedger(app.get(DataSource));
  process.stdout.write(ledgerReport(findings));
  await app.close();
  return findings.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

/** What drivers and PostgreSQL say of a connection that breaks while it is used. */
const CUT_OFF = /ECONNRESET|EPIPE|terminat|shutting down/i;

function fail(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  const mend = CUT_OFF.test(reason) ? '. The database went away meanwhile: verify again while it runs.' : '';
  process.stderr.write(`The ledger was not verified: ${reason}${mend}\n`);
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIG : 2);
}

loadConfigurationOrExit(AppConfig);
run().then((code) => process.exit(code), fail);
