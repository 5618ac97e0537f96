export { AdminModule } from './admin.module';
export { AuditModule } from './audit/audit.module';
export { AuditVerifier } from './audit/audit-verifier';
export { setUpConsole } from './console/set-up-console';
