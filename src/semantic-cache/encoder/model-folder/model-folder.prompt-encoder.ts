import path from 'node:path';
import { ThreadPromptEncoder } from '../thread.prompt-encoder';
import type { FolderModel } from './model-folder-session';

/** Compiled beside this file. */
const THREAD = path.join(__dirname, `model-folder.thread${path.extname(__filename)}`);

/** A sentence-embedding model that somebody has put into a folder. */
export class ModelFolderPromptEncoder extends ThreadPromptEncoder {
  constructor(data: FolderModel, deadlineMs: number, nowMs: () => number) {
    super({ file: THREAD, data, deadlineMs }, nowMs);
  }
}
