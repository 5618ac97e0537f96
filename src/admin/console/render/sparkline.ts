const WIDTH = 120;
const HEIGHT = 28;
const PADDING = 2;

/** The path of a small line through these values, in a box of 120 by 28; empty when there is nothing to draw. */
export function sparklineOf(values: readonly number[]): string {
  const most = Math.max(0, ...values);
  if (values.length < 2 || most === 0) return '';
  const x = (index: number): number => (index * WIDTH) / (values.length - 1);
  const y = (value: number): number => HEIGHT - PADDING - (value / most) * (HEIGHT - 2 * PADDING);
  return values.map((value, index) => `${index === 0 ? 'M' : 'L'}${round(x(index))} ${round(y(value))}`).join('');
}

const round = (value: number): number => Math.round(value * 10) / 10;
