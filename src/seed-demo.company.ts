/** A company that is none: who is in it, what they build, and how much they ask. */
export interface DemoApplication {
  readonly name: string;
  readonly team: string;
  /** Email of the person whose key it is; absent: the team's. */
  readonly owner?: string;
  readonly models: readonly string[];
  /** Requests on a working day at the end of the ninety. */
  readonly daily: number;
  /** Tokens of a usual question and of its answer. */
  readonly tokens: readonly [number, number];
  readonly streams: boolean;
  /** How many different questions are asked; few of them make the cache useful. */
  readonly questions: number;
  readonly nightly?: boolean;
}

const MINI = 'gpt-4o-mini';
const SONNET = 'claude-sonnet-4-20250514';
const HAIKU = 'claude-3-5-haiku-20241022';

export const DEPARTMENTS = {
  Product: ['Search', 'Assistant'],
  'Customer care': ['Support', 'Translations'],
  'Data and research': ['Analytics', 'Research'],
  Operations: ['Platform'],
} as const;

type TeamName = (typeof DEPARTMENTS)[keyof typeof DEPARTMENTS][number];

export const PEOPLE: readonly {
  name: string;
  email: string;
  role: 'auditor' | 'team_lead' | 'member';
  teams: TeamName[];
}[] = [
  { name: 'Maren Vogt', email: 'maren@brightwater.example', role: 'team_lead', teams: ['Search', 'Assistant'] },
  { name: 'Tomás Rey', email: 'tomas@brightwater.example', role: 'member', teams: ['Search'] },
  { name: 'Aiko Mori', email: 'aiko@brightwater.example', role: 'member', teams: ['Assistant'] },
  { name: 'Jonas Lind', email: 'jonas@brightwater.example', role: 'team_lead', teams: ['Support'] },
  { name: 'Priya Nair', email: 'priya@brightwater.example', role: 'member', teams: ['Support', 'Translations'] },
  { name: 'Lucía Ferrer', email: 'lucia@brightwater.example', role: 'member', teams: ['Analytics'] },
  { name: 'Emil Sørensen', email: 'emil@brightwater.example', role: 'team_lead', teams: ['Research', 'Analytics'] },
  { name: 'Hannah Okafor', email: 'hannah@brightwater.example', role: 'member', teams: ['Research'] },
  { name: 'Viktor Sandu', email: 'viktor@brightwater.example', role: 'member', teams: ['Platform'] },
  { name: 'Claire Dubois', email: 'claire@brightwater.example', role: 'auditor', teams: [] },
];

export const APPLICATIONS: readonly DemoApplication[] = [
  {
    name: 'search ranking',
    team: 'Search',
    models: [MINI],
    daily: 22,
    tokens: [900, 60],
    streams: false,
    questions: 400,
  },
  {
    name: 'query rewriting',
    team: 'Search',
    owner: 'tomas@brightwater.example',
    models: [MINI, HAIKU],
    daily: 9,
    tokens: [250, 40],
    streams: false,
    questions: 60,
  },
  {
    name: 'in-app assistant',
    team: 'Assistant',
    models: ['smart', SONNET],
    daily: 18,
    tokens: [2_400, 420],
    streams: true,
    questions: 900,
  },
  {
    name: 'notebook of Aiko',
    team: 'Assistant',
    owner: 'aiko@brightwater.example',
    models: [SONNET, 'gpt-4o'],
    daily: 4,
    tokens: [1_200, 600],
    streams: true,
    questions: 500,
  },
  {
    name: 'ticket triage',
    team: 'Support',
    models: [HAIKU],
    daily: 20,
    tokens: [700, 80],
    streams: false,
    questions: 90,
  },
  {
    name: 'reply drafts',
    team: 'Support',
    owner: 'priya@brightwater.example',
    models: ['gpt-4o'],
    daily: 8,
    tokens: [1_500, 350],
    streams: true,
    questions: 300,
  },
  {
    name: 'help centre',
    team: 'Translations',
    models: [MINI],
    daily: 6,
    tokens: [1_800, 1_600],
    streams: false,
    questions: 200,
  },
  {
    name: 'dashboards in words',
    team: 'Analytics',
    owner: 'lucia@brightwater.example',
    models: ['gpt-4o'],
    daily: 5,
    tokens: [3_000, 300],
    streams: false,
    questions: 80,
  },
  {
    name: 'nightly summaries',
    team: 'Analytics',
    models: [MINI],
    daily: 10,
    tokens: [5_000, 500],
    streams: false,
    questions: 2_000,
    nightly: true,
  },
  {
    name: 'paper reading',
    team: 'Research',
    owner: 'hannah@brightwater.example',
    models: [SONNET],
    daily: 5,
    tokens: [6_000, 900],
    streams: true,
    questions: 700,
  },
  {
    name: 'incident notes',
    team: 'Platform',
    owner: 'viktor@brightwater.example',
    models: ['smart'],
    daily: 3,
    tokens: [1_000, 300],
    streams: true,
    questions: 150,
  },
];

/** Set when the history is there: they count from then on. */
export const BUDGETS: readonly {
  name: string;
  of: 'organization' | 'department' | 'team' | 'user';
  owner?: string;
  limitUsd: string;
  period: 'day' | 'month';
  hard: boolean;
}[] = [
  { name: 'everything', of: 'organization', limitUsd: '1', period: 'month', hard: false },
  { name: 'product', of: 'department', owner: 'Product', limitUsd: '0.45', period: 'month', hard: true },
  { name: 'research', of: 'department', owner: 'Data and research', limitUsd: '0.25', period: 'month', hard: true },
  { name: 'assistant by day', of: 'team', owner: 'Assistant', limitUsd: '0.3', period: 'day', hard: true },
  { name: 'support', of: 'team', owner: 'Support', limitUsd: '0.4', period: 'month', hard: true },
  { name: 'trial', of: 'user', owner: 'hannah@brightwater.example', limitUsd: '0.12', period: 'day', hard: true },
];

/** Providers answer from a simulator in the same process; names, prices and everything else are as with the real ones. */
export const demoConfiguration = (simulatorUrl: string): string => `
providers:
  openai:
    base_url: ${simulatorUrl}/openai/v1
    api_key: of-the-simulator
    allow_private_network: true
    models: [gpt-4o, ${MINI}]
    priority: 1
  anthropic:
    base_url: ${simulatorUrl}/anthropic
    api_key: of-the-simulator
    allow_private_network: true
    models: [${SONNET}, ${HAIKU}]
    priority: 2
models:
  smart:
    targets: [{ provider: openai, model: gpt-4o }]
    fallbacks: [${SONNET}]
routing: { retries: 0 }
cache: { enabled: true, ttl_seconds: 604800 }
`;
