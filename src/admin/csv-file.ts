import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';

export const CSV = 'text/csv';

/** A download of any length. What is wrong with the query shows with the first line, while there is still a status to send. */
export async function csvFile(
  lines: AsyncGenerator<string>,
  filename: string,
  response: ServerResponse,
): Promise<StreamableFile> {
  const first = await lines.next();
  const file = new StreamableFile(Readable.from(withFirst(first.value, lines)), {
    type: `${CSV}; charset=utf-8`,
    disposition: `attachment; filename="${filename}"`,
  });
  // A broken export must not pass for a whole one.
  return file.setErrorHandler(() => response.destroy());
}

async function* withFirst(first: string | void, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    if (first !== undefined) yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
