const stroke = (path: string): string => `<path d="${path}"/>`;

/** Line drawings on a grid of 24, drawn in the colour of the text. */
export const ICONS = {
  overview: stroke('M4 13h6V4H4zm0 7h6v-4H4zm10 0h6v-9h-6zm0-16v4h6V4z'),
  requests: stroke('M4 6h16M4 12h10M4 18h7m6-4 3 3-3 3'),
  usage: stroke('M5 20V10m7 10V4m7 16v-7'),
  keys: stroke('M14.5 9.5a4.5 4.5 0 1 0-3.2 4.3L13 15.5h2v2h2v2h3v-3l-5.8-5.8c.2-.4.3-.8.3-1.2zM9 8.5h.01'),
  teams: stroke(
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm-6 9a6 6 0 0 1 12 0m1-15.5a3.5 3.5 0 0 1 0 6M18 14.5a6 6 0 0 1 3 5.5',
  ),
  models: stroke('M12 3 4 7.5v9L12 21l8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9'),
  settings: stroke('M4 7h9m4 0h3M4 17h3m4 0h9M15 4.5v5M9 14.5v5'),
  budgets: stroke('M12 3a9 9 0 1 0 9 9h-9zM15.5 3.7A9 9 0 0 1 20.3 8.5h-4.8z'),
  limits: stroke('M4 18a8 8 0 1 1 16 0m-8 0 3.5-6'),
  playground: stroke('m5 7 5 5-5 5m7 0h7'),
  prices: stroke(
    'M12 3v18m4.5-14.5C15.5 5 13.8 4.5 12 4.5c-2.5 0-4.5 1.3-4.5 3.6 0 5 9.5 2.4 9.5 7.6 0 2.4-2.2 3.8-5 3.8-2.2 0-4-.7-5-2.4',
  ),
  alerts: stroke('M6 9a6 6 0 1 1 12 0c0 6 2 7 2 8H4c0-1 2-2 2-8zm4 11a2 2 0 0 0 4 0'),
  audit: stroke('M7 3h8l4 4v14H7zM10 12h6m-6 4h6m-6-8h2'),
  account: stroke('M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 9a7 7 0 0 1 14 0'),
  menu: stroke('M4 7h16M4 12h16M4 17h16'),
  theme: stroke(
    'M12 3v2m0 14v2M5.6 5.6 7 7m10 10 1.4 1.4M3 12h2m14 0h2M5.6 18.4 7 17M17 7l1.4-1.4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
  ),
  search: stroke('M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm5 12 4 4'),
  down: stroke('M12 4v11m-5-5 5 5 5-5M5 20h14'),
  copy: stroke('M9 9h11v11H9zM5 15H4V4h11v1'),
  plus: stroke('M12 5v14M5 12h14'),
  out: stroke('M14 4h5v16h-5M10 8l-4 4 4 4m-4-4h9'),
  cache: stroke(
    'M12 4c4.4 0 8 1.1 8 2.5S16.4 9 12 9 4 7.9 4 6.5 7.6 4 12 4zM4 6.5v11C4 18.9 7.6 20 12 20s8-1.1 8-2.5v-11M4 12c0 1.4 3.6 2.5 8 2.5s8-1.1 8-2.5',
  ),
} as const;

export type IconName = keyof typeof ICONS;
