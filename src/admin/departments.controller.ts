import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import {
  CreateDepartmentDto,
  DepartmentDto,
  DepartmentPageDto,
  fromDepartment,
  toDepartment,
  toDepartmentChanges,
  UpdateDepartmentDto,
} from './dtos/department.dto';
import { fromPage, PageQueryDto, toPageRequest } from './dtos/page.dto';
import { Id } from './id.decorator';
import { OrganizationManagement } from './management/organization-management';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('departments', 'Departments')
export class DepartmentsController {
  constructor(private readonly organization: OrganizationManagement) {}

  @Post()
  @Permit('directory.write')
  @ApiOperation({ summary: 'Create a department' })
  @ApiCreatedResponse({ type: DepartmentDto })
  @Refuses(409)
  async create(@By() caller: Caller, @Body() body: CreateDepartmentDto): Promise<DepartmentDto> {
    return fromDepartment(await this.organization.createDepartment(caller, toDepartment(body)));
  }

  @Get()
  @Permit('directory.read')
  @ApiOperation({ summary: 'List departments, newest first' })
  @ApiOkResponse({ type: DepartmentPageDto })
  async list(@By() caller: Caller, @Query() query: PageQueryDto): Promise<DepartmentPageDto> {
    return fromPage(await this.organization.listDepartments(caller, toPageRequest(query)), fromDepartment);
  }

  @Get(':id')
  @Permit('directory.read')
  @ApiOperation({ summary: 'One department' })
  @ApiOkResponse({ type: DepartmentDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Id('dep') id: string): Promise<DepartmentDto> {
    return fromDepartment(await this.organization.getDepartment(caller, id));
  }

  @Patch(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Change a department or its limits' })
  @ApiOkResponse({ type: DepartmentDto })
  @Refuses(404, 409)
  async update(@By() caller: Caller, @Id('dep') id: string, @Body() body: UpdateDepartmentDto): Promise<DepartmentDto> {
    return fromDepartment(await this.organization.updateDepartment(caller, id, toDepartmentChanges(body)));
  }

  @Delete(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Delete a department that has no teams' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404, 409)
  async remove(@By() caller: Caller, @Id('dep') id: string): Promise<void> {
    await this.organization.removeDepartment(caller, id);
  }
}
