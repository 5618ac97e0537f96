import path from 'node:path';
import { ThreadPromptEncoder } from '../thread.prompt-encoder';
import { USE_LITE_NAME } from './model-files';

/** Compiled beside this file. */
const THREAD = path.join(__dirname, `use-lite.thread${path.extname(__filename)}`);

/** Universal Sentence Encoder Lite: English, 128 tokens. */
export class UseLitePromptEncoder extends ThreadPromptEncoder {
  constructor(deadlineMs: number, nowMs: () => number) {
    super({ file: THREAD, data: null, name: USE_LITE_NAME, deadlineMs }, nowMs);
  }
}
