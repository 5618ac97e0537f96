import { answerEncodings } from '../encoder-thread.port';
import { openUseLite } from './use-lite-session';

/** The thread in which USE-lite runs: inference is synchronous and would hold up every request of the process. */
answerEncodings((native) => openUseLite(native));
