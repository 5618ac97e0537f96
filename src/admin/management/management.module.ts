import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { AccessModule } from '../../access';
import { AuditLog } from '../audit/audit-log';
import { AuditModule } from '../audit/audit.module';
import { Callers } from '../authority/callers';
import { Reaches } from '../authority/reaches';
import { KeyManagement } from './key-management';
import { OrganizationManagement } from './organization-management';
import { UserManagement } from './user-management';

const SERVICES = [Callers, KeyManagement, UserManagement, OrganizationManagement];

/** Who may do what to whom: what the management API and the console both stand on. */
@Module({
  imports: [AccessModule, AuditModule],
  providers: [Reaches, ...SERVICES],
  exports: [AuditModule, ...SERVICES],
})
export class ManagementModule implements OnApplicationBootstrap {
  constructor(private readonly audit: AuditLog) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.audit.begin();
  }
}
