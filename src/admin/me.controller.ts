import { Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { fromCaller, MeDto } from './dtos/me.dto';
import { ManagementController } from './management-controller.decorator';

@ManagementController('me', 'Me')
export class MeController {
  @Get()
  @Permit('signed_in')
  @ApiOperation({ summary: 'Who the caller is, and what they may do' })
  @ApiOkResponse({ type: MeDto })
  me(@By() caller: Caller): MeDto {
    return fromCaller(caller);
  }
}
