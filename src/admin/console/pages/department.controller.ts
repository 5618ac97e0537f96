import { Body, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { Department } from '../../../access';
import { MAX_PAGE_SIZE } from '../../../core/page';
import { mayDo } from '../../authority/permissions';
import { toDepartmentChanges, UpdateDepartmentDto } from '../../dtos/department.dto';
import { OrganizationManagement } from '../../management/organization-management';
import { Id } from '../../id.decorator';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { Pages, viewerIn } from '../render/pages';
import { checked, limitsOf, limitValues, problemOf, textOf, type Query } from './fields';

/** One department: its teams, and what all of them together may use. */
@ConsoleController('teams/departments')
export class DepartmentPageController {
  constructor(
    private readonly pages: Pages,
    private readonly organization: OrganizationManagement,
  ) {}

  @Get(':id')
  @Permit('directory.read')
  async detail(@Id('dep') id: string, @Res() response: Response): Promise<void> {
    await this.show(response, await this.organization.getDepartment(viewerIn(response), id));
  }

  @Post(':id')
  @Permit('directory.write')
  async update(@Id('dep') id: string, @Body() form: Query, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const department = await this.organization.getDepartment(viewer, id);
    try {
      const changes = await checked(UpdateDepartmentDto, {
        name: textOf(form, 'name') ?? '',
        limits: limitsOf(form) ?? null,
      });
      await this.organization.updateDepartment(viewer, id, toDepartmentChanges(changes));
    } catch (error) {
      await this.show(response, department, { values: form, problem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, `/admin/teams/departments/${id}`, 'saved');
  }

  /** Refused while it has teams. */
  @Post(':id/delete')
  @Permit('directory.write')
  async remove(@Id('dep') id: string, @Res() response: Response): Promise<void> {
    const viewer = viewerIn(response);
    const department = await this.organization.getDepartment(viewer, id);
    try {
      await this.organization.removeDepartment(viewer, id);
    } catch (error) {
      await this.show(response, department, { problem: problemOf(error) }, 400);
      return;
    }
    this.pages.done(response, '/admin/teams', 'deleted');
  }

  private async show(response: Response, department: Department, more: object = {}, status = 200): Promise<void> {
    const viewer = viewerIn(response);
    const page = { limit: MAX_PAGE_SIZE, cursor: null };
    const { items } = await this.organization.listTeams(viewer, page, { departmentId: department.id });
    const model = {
      title: department.name,
      id: department.id,
      limits: department.limits,
      teams: items.map(({ id, name }) => ({ name, href: `/admin/teams/${id}` })),
      mayWrite: mayDo(viewer.role, 'directory.write'),
      values: { name: department.name, ...limitValues(department.limits) },
    };
    this.pages.show(response, 'department', { ...model, ...more }, status);
  }
}
