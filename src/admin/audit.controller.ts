import { Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { AuditQueries } from './audit/audit-queries';
import { Permit } from './authority/permit.decorator';
import { AuditPageDto, AuditQueryDto, fromAuditEntry, toAuditFilter } from './dtos/audit.dto';
import { fromPage, toPageRequest } from './dtos/page.dto';
import { ManagementController } from './management-controller.decorator';

@ManagementController('audit', 'Audit')
export class AuditController {
  constructor(private readonly audit: AuditQueries) {}

  @Get()
  @Permit('audit.read')
  @ApiOperation({ summary: 'What was changed, by whom, newest first' })
  @ApiOkResponse({ type: AuditPageDto })
  async list(@Query() query: AuditQueryDto): Promise<AuditPageDto> {
    return fromPage(await this.audit.list(toAuditFilter(query), toPageRequest(query)), fromAuditEntry);
  }
}
