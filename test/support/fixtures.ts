import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One recorded exchange with a provider (see the README beside the recordings). */
export interface Fixture {
  readonly id: string;
  readonly provider: string;
  readonly endpoint: string;
  readonly model: string | null;
  readonly streaming: boolean;
  readonly features: readonly string[];
  readonly request: { readonly headers: Record<string, string>; readonly body: Record<string, unknown> | null };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body: Record<string, unknown> | null;
    readonly sse: string | null;
    readonly text?: string;
  };
}

const folder = path.resolve(__dirname, '../../../shared/fixtures');

/** The recordings of one endpoint; none, with a message, on a machine without them. */
export function fixturesOf(endpoint: string): Fixture[] {
  const manifest = path.join(folder, 'manifest.jsonl');
  if (!existsSync(manifest)) {
    console.warn(`Recorded traffic is not on this machine: replay of ${endpoint} is skipped`);
    return [];
  }
  return readFileSync(manifest, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { file: string; endpoint: string })
    .filter((entry) => entry.endpoint === endpoint)
    .map(({ file }) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Fixture);
}

/** The `data:` payloads of an SSE text, parsed where they are JSON. */
export function sseData(text: string): unknown[] {
  return text
    .replace(/\r\n?/g, '\n')
    .split('\n\n')
    .flatMap((block) => {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).replace(/^ /, ''));
      if (data.length === 0) return [];
      const joined = data.join('\n');
      if (joined === '[DONE]') return ['[DONE]'];
      try {
        return [JSON.parse(joined) as unknown];
      } catch {
        return [joined];
      }
    });
}
