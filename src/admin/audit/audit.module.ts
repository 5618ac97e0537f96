import { Module } from '@nestjs/common';
import { AuditLog } from './audit-log';
import { AuditQueries } from './audit-queries';
import { AuditVerifier } from './audit-verifier';

/** The record of what was changed, by whom. */
@Module({
  providers: [AuditLog, AuditQueries, AuditVerifier],
  exports: [AuditLog, AuditQueries, AuditVerifier],
})
export class AuditModule {}
