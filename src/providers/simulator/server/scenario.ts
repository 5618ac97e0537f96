import { combineFaults, NO_FAULT, readFaults, type FaultPlan } from './faults';
import { fieldsOf, isObject, listOf, numberOf, textOf, type JsonObject } from './loose-json';
import { Random } from './random';

/** Which calls a rule is about. Every field that is given must match. */
export interface ScenarioMatch {
  /** Virtual provider, without slashes. */
  readonly prefix?: string;
  readonly model?: string;
  /** End of the path: `/chat/completions`. */
  readonly path?: string;
}

/** One thing that goes wrong, or one limit, for some of the calls. */
export interface ScenarioRule {
  readonly match?: ScenarioMatch;
  /** Same words as in a prompt marker: `429,retry-after=7`. */
  readonly fault?: string;
  /** Share of matching calls, 0 to 1. Default 1. */
  readonly rate?: number;
  /** So many calls fail, then they succeed. */
  readonly count?: number;
  /** So many matching calls pass first. */
  readonly after?: number;
  /** Only within this time since the scenario was set. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly limits?: ScenarioLimits;
  /** Replaces parts of the timing profile of matching calls. */
  readonly profile?: ScenarioProfile;
}

/** Sliding windows of one minute for each API key. */
export interface ScenarioLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

export interface ScenarioProfile {
  readonly ttftMs?: { readonly p50: number; readonly p90: number };
  readonly tokensPerSecond?: number;
  readonly jitter?: number;
}

interface LoadedRule {
  readonly rule: ScenarioRule;
  readonly plan: FaultPlan;
  readonly random: Random;
  seen: number;
  applied: number;
}

const MOST_RULES = 200;
const RULE_FIELDS = ['match', 'fault', 'rate', 'count', 'after', 'fromMs', 'toMs', 'limits', 'profile'];

export interface ScenarioSubject {
  readonly prefix: string;
  readonly model: string;
  readonly path: string;
}

/** The rules in force. Rules are asked in order; the first whose turn it is decides the fault of a call. */
export class Scenario {
  private rules: LoadedRule[] = [];
  private setAtMs = 0;

  constructor(
    private readonly seed: number,
    private readonly now: () => number,
  ) {}

  /** @throws when a rule has an unknown field or fault: a scenario that silently does nothing proves nothing. */
  set(rules: readonly ScenarioRule[]): void {
    if (rules.length > MOST_RULES) throw new RangeError(`a scenario has at most ${MOST_RULES} rules`);
    this.rules = rules.map((rule, index) => {
      const unknown = Object.keys(rule).find((field) => !RULE_FIELDS.includes(field));
      if (unknown !== undefined)
        throw new TypeError(`rules[${index}].${unknown} is not a field; known: ${RULE_FIELDS.join(', ')}`);
      const random = new Random(this.seed + index * 7919);
      return { rule, plan: readFaults(rule.fault ?? ''), random, seen: 0, applied: 0 };
    });
    this.setAtMs = this.now();
  }

  faultFor(subject: ScenarioSubject): FaultPlan {
    for (const loaded of this.rules) if (this.takes(loaded, subject)) return loaded.plan;
    return NO_FAULT;
  }

  limitsFor(subject: ScenarioSubject): ScenarioLimits | null {
    const rule = this.rules.find((loaded) => loaded.rule.limits !== undefined && matches(loaded.rule, subject));
    return rule?.rule.limits ?? null;
  }

  profileFor(subject: ScenarioSubject): ScenarioProfile {
    const rule = this.rules.find((loaded) => loaded.rule.profile !== undefined && matches(loaded.rule, subject));
    return rule?.rule.profile ?? {};
  }

  private takes(loaded: LoadedRule, subject: ScenarioSubject): boolean {
    const { rule } = loaded;
    if (loaded.plan === NO_FAULT || !matches(rule, subject) || !this.isOpen(rule)) return false;
    loaded.seen += 1;
    if (loaded.seen <= (rule.after ?? 0) || loaded.applied >= (rule.count ?? Number.POSITIVE_INFINITY)) return false;
    if (rule.rate !== undefined && loaded.random.next() >= rule.rate) return false;
    loaded.applied += 1;
    return true;
  }

  private isOpen(rule: ScenarioRule): boolean {
    const elapsed = this.now() - this.setAtMs;
    return elapsed >= (rule.fromMs ?? 0) && elapsed < (rule.toMs ?? Number.POSITIVE_INFINITY);
  }
}

function matches(rule: ScenarioRule, subject: ScenarioSubject): boolean {
  const { prefix, model, path } = rule.match ?? {};
  if (prefix !== undefined && prefix.replaceAll('/', '') !== subject.prefix) return false;
  if (model !== undefined && model !== subject.model) return false;
  return path === undefined || subject.path.endsWith(path);
}

/** Reads the body of `POST /__scenario`: a list of rules, `{ rules }`, or `{ limits }` for everybody. */
export function readScenario(body: unknown): readonly ScenarioRule[] {
  const fields = fieldsOf(body);
  const rules = Array.isArray(body) ? listOf(body) : listOf(fields['rules']);
  if (!Array.isArray(body) && fields['rules'] === undefined && fields['limits'] === undefined)
    throw new TypeError('send a list of rules, or { "rules": [...] }, or { "limits": { "requestsPerMinute": 60 } }');
  const read = rules.map((rule, index) => readRule(rule, index));
  return isObject(fields['limits']) ? [...read, { limits: readLimits(fields['limits']) }] : read;
}

function readRule(value: unknown, index: number): ScenarioRule {
  if (!isObject(value)) throw new TypeError(`rules[${index}] must be an object`);
  if ('fault' in value && textOf(value['fault']) === '')
    throw new TypeError(`rules[${index}].fault must be a text such as "429,retry-after=7"`);
  for (const field of ['rate', 'count', 'after', 'fromMs', 'toMs'])
    if (field in value && numberOf(value[field]) === null)
      throw new TypeError(`rules[${index}].${field} must be a number`);
  return value;
}

function readLimits(limits: JsonObject): ScenarioLimits {
  const requests = numberOf(limits['requestsPerMinute']);
  const tokens = numberOf(limits['tokensPerMinute']);
  return {
    ...(requests === null ? {} : { requestsPerMinute: requests }),
    ...(tokens === null ? {} : { tokensPerMinute: tokens }),
  };
}

export const planFor = (marker: string, scenario: FaultPlan): FaultPlan => combineFaults(scenario, readFaults(marker));
