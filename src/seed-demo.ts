import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DepartmentsService, KeysService, TeamsService, UsersService } from './access';
import { AppConfig } from './app.config';
import { createApp, serverOf } from './app.setup';
import { BudgetsService } from './billing';
import { parseUsd } from './core/money';
import { Clock } from './platform/clock';
import { ConfigModule } from './platform/config/config.module';
import { startSimulator } from './providers/simulator/server/simulator';
import { APPLICATIONS, BUDGETS, demoConfiguration, DEPARTMENTS, PEOPLE } from './seed-demo.company';
import { BAD_MOMENTS, callsOfDay, numbersFrom, type DemoCall } from './seed-demo.traffic';

const DAYS = 90;
const DAY_MS = 86_400_000;
const SEED = 20_26;
/** Calls of one moment run at the same time; between moments the clock jumps. */
const AT_ONCE = 10;
/** Parts of a real provider's delays: a demonstration should be there within minutes. */
const SPEED = 0.04;
const PASSWORD = 'brightwater demo 2026';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Ids by name (of people: by email), and secrets of keys by application. */
interface Company {
  readonly ids: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, string>;
}

/** `npm run seed:demo`: a company with ninety days of requests, made as any other: through the services and the front door. */
async function run(): Promise<void> {
  const simulator = await startSimulator({ port: 0, speed: SPEED, seed: SEED });
  simulator.scenario(BAD_MOMENTS);
  const app = await createApp(ConfigModule.forValues(AppConfig, demoConfiguration(simulator.url), environment()), {
    forceCloseConnections: true,
  });
  try {
    await app.listen(0, '127.0.0.1');
    const clock = new TimeLapse(app.get(Clock));
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    clock.set(today - DAYS * DAY_MS);
    const company = await found(app);
    await live(app, company, clock, today);
  } finally {
    await app.close();
    await simulator.close();
  }
  say(
    `\nDone. Start the gateway and open /admin; people sign in with "${PASSWORD}", for example ${PEOPLE[0]?.email ?? ''}.`,
  );
}

/** The clock of the application, set back and moved on; within a moment it runs as it should. */
class TimeLapse {
  constructor(private readonly clock: Clock) {}

  set(atMs: number): void {
    const began = this.clock.monotonic();
    this.clock.now = () => Math.floor(atMs + this.clock.monotonic() - began);
  }

  /** The machine's time again. */
  release(): void {
    this.clock.now = Date.now;
  }
}

function environment(): Record<string, string> {
  const variables = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(variables), LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'error', GATEWAY_WORKERS: '1' };
}

async function found(app: NestExpressApplication): Promise<Company> {
  const [departments, teams, users, keys] = [DepartmentsService, TeamsService, UsersService, KeysService].map((type) =>
    app.get<unknown>(type),
  ) as [DepartmentsService, TeamsService, UsersService, KeysService];
  const ids = new Map<string, string>();
  for (const [name, teamNames] of Object.entries(DEPARTMENTS)) {
    const department = await departments.create({ name, limits: null });
    ids.set(name, department.id);
    for (const team of teamNames) {
      const made = await teams.create({ name: team, departmentId: department.id, limits: null, allowedModels: null });
      ids.set(team, made.id);
    }
  }
  for (const { teams: teamNames, ...person } of PEOPLE) {
    const teamIds = teamNames.map((team) => ids.get(team) ?? '');
    const user = await users.create({ ...person, teamIds, limits: null, allowedModels: null });
    await users.setPassword(user.id, PASSWORD);
    ids.set(person.email, user.id);
  }
  const secrets = new Map<string, string>();
  for (const { name, team, owner } of APPLICATIONS) {
    const { secret } = await keys.create({
      name,
      teamId: ids.get(team) ?? '',
      userId: owner === undefined ? null : (ids.get(owner) ?? null),
      expiresAt: null,
      limits: null,
      allowedModels: null,
      scopes: ['inference'],
    });
    secrets.set(name, secret);
  }
  return { ids, secrets };
}

/** Ninety days, then today with budgets in force. */
async function live(app: NestExpressApplication, company: Company, clock: TimeLapse, today: number): Promise<void> {
  const { port } = serverOf(app).address() as AddressInfo;
  const random = numbersFrom(SEED);
  let made = 0;
  for (let day = DAYS; day >= 1; day -= 1) {
    const calls = callsOfDay(today - day * DAY_MS, 1 - day / DAYS, random);
    for (let index = 0; index < calls.length; index += AT_ONCE) {
      const moment = calls.slice(index, index + AT_ONCE);
      clock.set(moment[0]?.atMs ?? 0);
      await Promise.all(moment.map((call) => send(port, company, call)));
    }
    made += calls.length;
    if (day % 10 === 1) say(`${DAYS - day + 1} of ${DAYS} days, ${made} requests`);
  }
  clock.release();
  await setBudgets(app, company);
  for (const moment of chunks(callsOfDay(today, 1, random), AT_ONCE)) {
    await Promise.all(moment.map((call) => send(port, company, call)));
  }
  say('and today');
}

async function setBudgets(app: NestExpressApplication, { ids }: Company): Promise<void> {
  const budgets = app.get(BudgetsService);
  for (const { name, of, owner, limitUsd, period, hard } of BUDGETS) {
    await budgets.create({
      name,
      scope: of,
      scopeId: owner === undefined ? null : (ids.get(owner) ?? null),
      limitNanoUsd: parseUsd(limitUsd),
      period,
      timezone: 'UTC',
      hard,
      alerts: [0.5, 0.8, 1],
      models: null,
    });
  }
}

/** Whether it succeeds is its own affair: companies have errors too. */
async function send(
  port: number,
  { secrets }: Company,
  { application, model, prompt, stream }: DemoCall,
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${secrets.get(application.name) ?? ''}`,
      'content-type': 'application/json',
      'x-gateway-metadata': JSON.stringify({ app: application.name }),
    },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: prompt }], max_tokens: 2_000 }),
  });
  await response.text();
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let index = 0; index < items.length; index += size) yield items.slice(index, index + size);
}

run().then(
  () => process.exit(0),
  (error: unknown) => {
    const isThere = error instanceof Error && 'status' in error && error.status === 409;
    const hint = isThere ? ' The company is there already: use an empty database.' : '';
    process.stderr.write(
      `The demonstration could not be made: ${error instanceof Error ? error.message : String(error)}${hint}\n`,
    );
    process.exit(1);
  },
);
