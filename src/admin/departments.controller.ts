import { Body, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { DepartmentsService } from '../access';
import { Permit } from './authority/permit.decorator';
import {
  CreateDepartmentDto,
  DepartmentDto,
  DepartmentPageDto,
  fromDepartment,
  UpdateDepartmentDto,
} from './dtos/department.dto';
import { fromPage, PageQueryDto, toPageRequest } from './dtos/page.dto';
import { Id } from './id.decorator';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('departments', 'Departments')
export class DepartmentsController {
  constructor(private readonly departments: DepartmentsService) {}

  @Post()
  @Permit('directory.write')
  @ApiOperation({ summary: 'Create a department' })
  @ApiCreatedResponse({ type: DepartmentDto })
  @Refuses(409)
  async create(@Body() body: CreateDepartmentDto): Promise<DepartmentDto> {
    return fromDepartment(await this.departments.create(body));
  }

  @Get()
  @Permit('directory.read')
  @ApiOperation({ summary: 'List departments, newest first' })
  @ApiOkResponse({ type: DepartmentPageDto })
  async list(@Query() query: PageQueryDto): Promise<DepartmentPageDto> {
    return fromPage(await this.departments.list(toPageRequest(query)), fromDepartment);
  }

  @Get(':id')
  @Permit('directory.read')
  @ApiOperation({ summary: 'One department' })
  @ApiOkResponse({ type: DepartmentDto })
  @Refuses(404)
  async get(@Id('dep') id: string): Promise<DepartmentDto> {
    return fromDepartment(await this.departments.get(id));
  }

  @Patch(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Rename a department' })
  @ApiOkResponse({ type: DepartmentDto })
  @Refuses(404, 409)
  async update(@Id('dep') id: string, @Body() body: UpdateDepartmentDto): Promise<DepartmentDto> {
    return fromDepartment(await this.departments.update(id, body.name === undefined ? {} : { name: body.name }));
  }

  @Delete(':id')
  @Permit('directory.write')
  @ApiOperation({ summary: 'Delete a department that has no teams' })
  @HttpCode(204)
  @ApiNoContentResponse()
  @Refuses(404, 409)
  async remove(@Id('dep') id: string): Promise<void> {
    await this.departments.remove(id);
  }
}
