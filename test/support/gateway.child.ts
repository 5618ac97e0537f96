import { armFromEnvironment } from './failpoints';

/** A whole gateway in a process of its own, which may be told where to die. */
armFromEnvironment();
require('../../src/main');
