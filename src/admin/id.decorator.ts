import { Param, type PipeTransform } from '@nestjs/common';
import { NotFoundError } from '../core/errors';
import type { IdPrefix } from '../core/ids';

/** What cannot be an id names nothing: it never reaches the database. */
class IdPipe implements PipeTransform<string, string> {
  private readonly form: RegExp;

  constructor(prefix: IdPrefix) {
    this.form = new RegExp(`^${prefix}_[0-9a-z]{26}$`);
  }

  transform(id: string): string {
    if (!this.form.test(id)) throw new NotFoundError('There is nothing with this id.');
    return id;
  }
}

/** The `:id` of the path. */
export const Id = (prefix: IdPrefix): ParameterDecorator => Param('id', new IdPipe(prefix));
