import { readFileSync } from 'node:fs';
import { importLiteLlm } from './litellm/import-config';

const EXIT_USAGE = 64;
const EXIT_UNREADABLE = 66;

/** `npm run import:litellm -- config.yaml`: our YAML on the output, what could not be carried over on the error output. */
function run(file: string | undefined): number {
  if (file === undefined) {
    process.stderr.write('Say which file: npm run import:litellm -- config.yaml > config/gateway.yaml\n');
    return EXIT_USAGE;
  }
  try {
    const { yaml, notes } = importLiteLlm(readFileSync(file, 'utf8'));
    process.stdout.write(yaml);
    for (const note of notes) process.stderr.write(`not carried over: ${note}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${file} cannot be imported: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_UNREADABLE;
  }
}

process.exitCode = run(process.argv[2]);
