import { answerEncodings } from '../encoder-thread.port';
import { openModelFolder, type FolderModel } from './model-folder-session';

/** The thread in which a model of one's own runs. */
answerEncodings<FolderModel>((native, model) => openModelFolder(model, native));
