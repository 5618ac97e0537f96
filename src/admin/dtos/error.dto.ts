import { ApiProperty } from '@nestjs/swagger';

class ErrorBodyDto {
  @ApiProperty({ example: 'name must be a string', description: 'What is wrong and what to do about it.' })
  message!: string;

  @ApiProperty({ example: 'invalid_request_error' })
  type!: string;

  @ApiProperty({ type: String, nullable: true, example: 'name', description: 'The field that is wrong.' })
  param!: string | null;

  @ApiProperty({ example: 'invalid_request_error' })
  code!: string;
}

/** Every refusal of the management API. */
export class ErrorDto {
  @ApiProperty({ type: ErrorBodyDto })
  error!: ErrorBodyDto;
}
