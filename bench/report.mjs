// From samples to one table, and what moved since an earlier run.
import { VARIANTS } from './variants.mjs';

/** One column of the table: which figure of which scenario, and whether more or less is better. */
export const METRICS = [
  { key: 'rps', title: 'requests/s', scenario: 'json', isMoreBetter: true, of: (run) => run.load.rps },
  { key: 'cpu', title: 'CPU µs/request', scenario: 'json', of: (run) => run.cpuUs / run.load.ok },
  { key: 'dbCpu', title: 'db CPU µs/request', scenario: 'json', of: (run) => run.databaseCpuUs / run.load.ok },
  { key: 'p50', title: 'p50 µs at 500/s', scenario: 'paced', of: (run) => run.load.lat.p50 },
  { key: 'p99', title: 'p99 µs at 500/s', scenario: 'paced', of: (run) => run.load.lat.p99 },
  { key: 'streams', title: 'streams/s', scenario: 'stream', isMoreBetter: true, of: (run) => run.load.rps },
  { key: 'chunkCpu', title: 'CPU µs/chunk', scenario: 'stream', of: (run) => run.cpuUs / run.load.chunks },
  { key: 'ttfb', title: 'TTFB p50 µs', scenario: 'ttfb', of: (run) => run.load.ttfb.p50 },
  { key: 'rps64k', title: '64 KB requests/s', scenario: 'large', isMoreBetter: true, of: (run) => run.load.rps },
  { key: 'rss', title: 'RSS MB', scenario: 'json', of: (run) => run.residentMb },
];

/** Time on the way through the network and the upstream: what is left after taking the direct figure off is the variant's own. */
const ADDED = new Set(['p50', 'p99', 'ttfb']);
const NO_PROCESS = new Set(['cpu', 'dbCpu', 'chunkCpu', 'rss']);

export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((left, right) => left - right);
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `samples[variant][scenario]` is the list of runs; a figure with failed requests in any of its runs does not count. */
export function figuresOf(samples) {
  const figures = {};
  for (const [variant, scenarios] of Object.entries(samples)) {
    figures[variant] = {};
    for (const metric of METRICS) {
      const runs = scenarios[metric.scenario] ?? [];
      const isUsable =
        runs.length > 0 && runs.every((run) => run.load.ok > 0 && run.load.err === 0 && run.load.non200 === 0);
      const isMeaningless = variant === 'direct' && NO_PROCESS.has(metric.key);
      figures[variant][metric.key] = isUsable && !isMeaningless ? median(runs.map(metric.of)) : null;
    }
  }
  return figures;
}

/** The gateway against another variant, as a ratio of the same metric; waiting times without what the direct call takes. */
export function ratio(figures, key, other) {
  const own = figures.gateway?.[key];
  const theirs = figures[other]?.[key];
  if (!own || !theirs) return null;
  if (!ADDED.has(key)) return own / theirs;
  const base = figures.direct?.[key] ?? 0;
  return theirs > base && own > base ? (own - base) / (theirs - base) : null;
}

const number = (value) => {
  if (value === null || value === undefined) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
};

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[0]))).join('  '),
    )
    .join('\n');
}

export function render(figures) {
  const variants = Object.keys(VARIANTS).filter((name) => figures[name]);
  const rows = [['', ...variants.map((name) => VARIANTS[name].title), 'vs bare', 'vs Portkey']];
  for (const metric of METRICS) {
    const label = ADDED.has(metric.key) ? `${metric.title} *` : metric.title;
    const times = (other) => {
      const value = ratio(figures, metric.key, other);
      return value === null ? '–' : `${value.toFixed(2)}×`;
    };
    rows.push([label, ...variants.map((name) => number(figures[name][metric.key])), times('bare'), times('portkey')]);
  }
  return `${table(rows)}\n* the ratio is of the time added to a direct call`;
}

/** What moved against an earlier result file: per variant and metric, in percent, better or worse. */
export function renderComparison(figures, earlier) {
  const rows = [['', 'before', 'now', 'change', '']];
  for (const [variant, own] of Object.entries(figures)) {
    for (const metric of METRICS) {
      const before = earlier.figures[variant]?.[metric.key];
      const now = own[metric.key];
      if (!before || !now) continue;
      const change = now / before - 1;
      if (Math.abs(change) < 0.03) continue;
      const verdict = change > 0 === Boolean(metric.isMoreBetter) ? 'better' : 'worse';
      const percent = `${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} %`;
      rows.push([`${VARIANTS[variant].title}: ${metric.title}`, number(before), number(now), percent, verdict]);
    }
  }
  const note = earlier.machine === undefined ? '' : ` (${earlier.machine})`;
  return rows.length === 1
    ? `Nothing moved by 3 % or more since ${earlier.date}${note}.`
    : `Since ${earlier.date}${note}:\n${table(rows)}`;
}
