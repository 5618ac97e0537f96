import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';

/** A configuration file is not longer. */
const MAX_YAML_LENGTH = 262_144;

export class ValidateConfigDto {
  @ApiProperty({ description: 'The text of a configuration file.', example: 'cache: { enabled: true }' })
  @IsString()
  @MaxLength(MAX_YAML_LENGTH)
  yaml!: string;
}

export class ConfigValidityDto {
  @ApiProperty({ description: 'Whether the gateway could run with it.' })
  valid!: boolean;

  @ApiProperty({ description: 'What is wrong, one line each: the place, and what to write instead.', type: [String] })
  problems!: readonly string[];
}

export class ConfigReloadDto {
  @ApiProperty({ description: 'Whether what the file says is in force now.' })
  reloaded!: boolean;

  @ApiProperty({ description: 'The version in force: changes with every accepted change.', example: '4169e79357c1' })
  version!: string;

  @ApiProperty({ description: 'Why it was refused, one line each; empty when it was not.', type: [String] })
  problems!: readonly string[];

  @ApiProperty({ description: 'What takes effect only when the gateway is started again.', type: [String] })
  warnings!: readonly string[];
}
