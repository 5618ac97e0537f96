import { ApiProperty, PartialType } from '@nestjs/swagger';
import type { Department } from '../../access';
import { IsName } from './fields';
import { PageDto } from './page.dto';

export class CreateDepartmentDto {
  @ApiProperty({ example: 'Research', minLength: 1, maxLength: 100 })
  @IsName()
  name!: string;
}

export class UpdateDepartmentDto extends PartialType(CreateDepartmentDto, { skipNullProperties: false }) {}

export class DepartmentDto {
  @ApiProperty({ example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'Research' })
  name!: string;

  @ApiProperty({ format: 'date-time', example: '2026-11-23T12:00:00.000Z' })
  created_at!: string;
}

export class DepartmentPageDto extends PageDto {
  @ApiProperty({ type: [DepartmentDto] })
  data!: DepartmentDto[];
}

export const fromDepartment = ({ id, name, createdAt }: Department): DepartmentDto => ({
  id,
  name,
  created_at: createdAt.toISOString(),
});
