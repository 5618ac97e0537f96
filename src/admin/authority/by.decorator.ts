import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Caller } from './caller';

export const CALLER = Symbol('caller');

/** Who calls the management API. The guard has seen to it that there is somebody. */
export const By = createParamDecorator((_: unknown, execution: ExecutionContext): Caller => {
  const { [CALLER]: caller } = execution.switchToHttp().getRequest<{ [CALLER]?: Caller }>();
  if (!caller) throw new Error('A route for nobody: it has no guard.');
  return caller;
});
