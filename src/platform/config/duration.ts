const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const PATTERN = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$/;

/** The pattern of a duration, for the JSON schema. */
export const DURATION_PATTERN = '^\\d+(\\.\\d+)?(ms|s|m|h)$';

/** Reads `500ms`, `3s`, `2m` or `1h` into whole milliseconds; null when the text is no duration. */
export function parseDuration(text: string): number | null {
  const match = PATTERN.exec(text);
  const factor = MILLISECONDS[match?.[2] ?? ''];
  return match === null || factor === undefined ? null : Math.round(Number(match[1]) * factor);
}

/** The shortest text that `parseDuration` reads back: `90000` is `90s`, `120000` is `2m`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  const unit = ['h', 'm', 's'].find((name) => milliseconds % (MILLISECONDS[name] ?? 1) === 0) ?? 'ms';
  return `${milliseconds / (MILLISECONDS[unit] ?? 1)}${unit}`;
}
