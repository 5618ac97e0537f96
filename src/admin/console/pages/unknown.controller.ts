import { Get } from '@nestjs/common';
import { NotFoundError } from '../../../core/errors';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';

/** Every other address below `/admin`: a person who mistypes one is told so on a page. */
@ConsoleController()
export class UnknownPageController {
  @Get('*address')
  @Permit('signed_in')
  find(): never {
    throw new NotFoundError('There is no such page.');
  }
}
