import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import type { Department, DepartmentFields } from '../../access';
import { IsName, MayBeNull } from './fields';
import { fromLimits, LimitsDto, toLimits } from './limits.dto';
import { PageDto } from './page.dto';

export class CreateDepartmentDto {
  @ApiProperty({ example: 'Research', minLength: 1, maxLength: 100 })
  @IsName()
  name!: string;

  @ApiPropertyOptional({ type: LimitsDto, nullable: true, description: 'Of all its teams together.' })
  @MayBeNull()
  @IsObject()
  @ValidateNested()
  @Type(() => LimitsDto)
  limits?: LimitsDto | null;
}

export class UpdateDepartmentDto extends PartialType(CreateDepartmentDto, { skipNullProperties: false }) {}

export class DepartmentDto {
  @ApiProperty({ example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'Research' })
  name!: string;

  @ApiProperty({ type: LimitsDto, nullable: true })
  limits!: LimitsDto | null;

  @ApiProperty({ format: 'date-time', example: '2026-11-23T12:00:00.000Z' })
  created_at!: string;
}

export class DepartmentPageDto extends PageDto {
  @ApiProperty({ type: [DepartmentDto] })
  data!: DepartmentDto[];
}

export const toDepartment = (dto: CreateDepartmentDto): DepartmentFields => ({
  name: dto.name,
  limits: toLimits(dto.limits),
});

export const toDepartmentChanges = (dto: UpdateDepartmentDto): Partial<DepartmentFields> => ({
  ...(dto.name === undefined ? {} : { name: dto.name }),
  ...(dto.limits === undefined ? {} : { limits: toLimits(dto.limits) }),
});

export const fromDepartment = ({ id, name, limits, createdAt }: Department): DepartmentDto => ({
  id,
  name,
  limits: fromLimits(limits),
  created_at: createdAt.toISOString(),
});
