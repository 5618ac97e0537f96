/** The 97.5 % point of the normal distribution. */
const Z = 1.959_964;

/** Where a share lies with 95 % certainty (Wilson 1927); null when nothing was counted. */
export function wilsonInterval(hits: number, of: number): [low: number, high: number] | null {
  if (of === 0) return null;
  const share = hits / of;
  const scale = 1 + (Z * Z) / of;
  const middle = (share + (Z * Z) / (2 * of)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / of + (Z * Z) / (4 * of * of));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
