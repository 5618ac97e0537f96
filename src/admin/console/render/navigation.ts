import type { Permission } from '../../authority/permissions';
import { mayDo } from '../../authority/permissions';
import type { Viewer } from '../auth/viewer';
import type { IconName } from './icons';

interface Destination {
  readonly href: string;
  readonly label: string;
  readonly icon: IconName;
  readonly permission: Permission;
}

const GROUPS: readonly { readonly title: string; readonly items: readonly Destination[] }[] = [
  {
    title: 'Observe',
    items: [
      { href: '/admin', label: 'Overview', icon: 'overview', permission: 'usage.read' },
      { href: '/admin/requests', label: 'Requests', icon: 'requests', permission: 'usage.read' },
      { href: '/admin/usage', label: 'Usage', icon: 'usage', permission: 'usage.read' },
      { href: '/admin/budgets', label: 'Budgets', icon: 'budgets', permission: 'budgets.read' },
      { href: '/admin/limits', label: 'Limits', icon: 'limits', permission: 'limits.read' },
    ],
  },
  {
    title: 'Manage',
    items: [
      { href: '/admin/keys', label: 'Keys', icon: 'keys', permission: 'keys.read' },
      { href: '/admin/teams', label: 'Teams and users', icon: 'teams', permission: 'directory.read' },
    ],
  },
  {
    title: 'Operate',
    items: [
      { href: '/admin/models', label: 'Models and providers', icon: 'models', permission: 'routing.read' },
      { href: '/admin/prices', label: 'Prices', icon: 'prices', permission: 'prices.read' },
      { href: '/admin/cache', label: 'Cache', icon: 'cache', permission: 'cache.read' },
      { href: '/admin/playground', label: 'Playground', icon: 'playground', permission: 'playground.use' },
      { href: '/admin/alerts', label: 'Alerts', icon: 'alerts', permission: 'alerts.read' },
      { href: '/admin/audit', label: 'Audit', icon: 'audit', permission: 'audit.read' },
      { href: '/admin/settings', label: 'Settings', icon: 'settings', permission: 'config.read' },
    ],
  },
];

/** The destinations this person may open, with the one they are at. */
export function navigationOf(viewer: Viewer, path: string) {
  const isCurrent = (href: string): boolean => path === href || (href !== '/admin' && path.startsWith(`${href}/`));
  return GROUPS.map(({ title, items }) => ({
    title,
    items: items
      .filter(({ permission }) => mayDo(viewer.role, permission))
      .map(({ href, label, icon }) => ({ href, label, icon, isCurrent: isCurrent(href) })),
  })).filter(({ items }) => items.length > 0);
}
