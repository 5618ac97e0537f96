import type hbs from 'hbs';
import { ICONS, type IconName } from './icons';
import { showBytes, showDuration, showCompact, showCount, showMs, showTime, showUsd } from './format';

/** What templates may call. They format; they decide nothing. */
export function registerHelpers(handlebars: typeof hbs.handlebars): void {
  const safe = (html: string): InstanceType<typeof handlebars.SafeString> => new handlebars.SafeString(html);
  handlebars.registerHelper({
    usd: (amount: unknown) => (typeof amount === 'bigint' ? showUsd(amount) : '–'),
    count: (count: unknown) => (typeof count === 'number' ? showCount(count) : '–'),
    compact: (count: unknown) => (typeof count === 'number' ? showCompact(count) : '–'),
    counted: (count: unknown, one: unknown) =>
      typeof count === 'number' ? `${showCompact(count)} ${String(one)}${count === 1 ? '' : 's'}` : '–',
    ms: (ms: unknown) => (typeof ms === 'number' ? showMs(ms) : '–'),
    or: (first: unknown, second: unknown) => (first === undefined || first === null || first === '' ? second : first),
    capital: (text: unknown) => (typeof text === 'string' ? text.charAt(0).toUpperCase() + text.slice(1) : ''),
    duration: (seconds: unknown) => (typeof seconds === 'number' ? showDuration(seconds) : '–'),
    bytes: (bytes: unknown) => (typeof bytes === 'number' ? showBytes(bytes) : '–'),
    eq: (left: unknown, right: unknown) => left === right,
    // Lines break after the provider, not within a name.
    targetName: (target: unknown) => {
      const [provider = '', ...model] = String(target).split('/').map(handlebars.escapeExpression);
      return safe(`<code>${provider}/<wbr><span class="whole">${model.join('/')}</span></code>`);
    },
    concat: (left: unknown, right: unknown) => `${String(left)}${String(right)}`,
    time: (time: unknown) =>
      time instanceof Date ? safe(`<time datetime="${time.toISOString()}">${showTime(time)}</time>`) : '–',
    icon: (name: unknown) =>
      safe(
        `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${ICONS[name as IconName] ?? ''}</svg>`,
      ),
  });
}
