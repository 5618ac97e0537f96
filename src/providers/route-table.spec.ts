import fc from 'fast-check';
import { RouteTable, type RouteTableInput } from './route-table';

const tutorial: RouteTableInput = {
  providers: [
    { name: 'openai', models: ['gpt-4o', 'gpt-4o-mini'], priority: 1 },
    { name: 'anthropic', models: ['claude-sonnet-4-20250514', 'claude-3-5-haiku-20241022'], priority: 2 },
  ],
  aliases: {},
  fallback: 'by_position',
};
const names = (table: RouteTable, name: string) =>
  table.find(name)?.targets.map(({ provider, model }) => `${provider}/${model}`);

describe('RouteTable', () => {
  it('falls back to the model at the same position of the next provider', () => {
    const table = new RouteTable(tutorial);
    expect(names(table, 'gpt-4o')).toEqual(['openai/gpt-4o', 'anthropic/claude-sonnet-4-20250514']);
    expect(names(table, 'gpt-4o-mini')).toEqual(['openai/gpt-4o-mini', 'anthropic/claude-3-5-haiku-20241022']);
    expect(names(table, 'claude-3-5-haiku-20241022')).toEqual([
      'anthropic/claude-3-5-haiku-20241022',
      'openai/gpt-4o-mini',
    ]);
  });

  it('takes the fallbacks in the order of priority, whatever the order of the file', () => {
    const table = new RouteTable({
      ...tutorial,
      providers: [
        { name: 'third', models: ['c'], priority: 3 },
        { name: 'first', models: ['a'], priority: 1 },
        { name: 'second', models: ['b', 'b2'], priority: 2 },
      ],
    });
    expect(names(table, 'a')).toEqual(['first/a', 'second/b', 'third/c']);
    expect(names(table, 'c')).toEqual(['third/c', 'first/a', 'second/b']);
    expect(names(table, 'b2')).toEqual(['second/b2']);
  });

  it('serves a model that several providers list from all of them before it falls back', () => {
    const table = new RouteTable({
      ...tutorial,
      providers: [
        { name: 'azure', models: ['gpt-4o'], priority: 2 },
        { name: 'openai', models: ['gpt-4o'], priority: 1 },
        { name: 'anthropic', models: ['claude'], priority: 3 },
      ],
    });
    expect(names(table, 'gpt-4o')).toEqual(['openai/gpt-4o', 'azure/gpt-4o', 'anthropic/claude']);
    expect(table.find('gpt-4o')?.ownTargets).toBe(2);
  });

  it('`provider/model` names one target exactly', () => {
    expect(names(new RouteTable(tutorial), 'openai/gpt-4o')).toEqual(['openai/gpt-4o']);
    expect(new RouteTable(tutorial).find('openai/unlisted')).toBeUndefined();
  });

  it('lists every name once, without the exact ones', () => {
    expect(new RouteTable({ ...tutorial, aliases: { smart: { targets: [], fallbacks: [] } } }).names).toEqual([
      'gpt-4o',
      'gpt-4o-mini',
      'claude-sonnet-4-20250514',
      'claude-3-5-haiku-20241022',
      'smart',
    ]);
  });

  it('follows the fallbacks of an alias and survives a cycle', () => {
    const target = { provider: 'openai', model: 'gpt-4o' };
    const table = new RouteTable({
      ...tutorial,
      fallback: 'explicit',
      aliases: {
        smart: { targets: [target], fallbacks: ['cheap', 'anthropic/claude-sonnet-4-20250514'] },
        cheap: { targets: [{ provider: 'openai', model: 'gpt-4o-mini' }], fallbacks: ['smart'] },
      },
    });
    expect(names(table, 'smart')).toEqual([
      'openai/gpt-4o',
      'openai/gpt-4o-mini',
      'anthropic/claude-sonnet-4-20250514',
    ]);
    expect(names(table, 'gpt-4o')).toEqual(['openai/gpt-4o']);
  });

  it('`none` never falls back', () => {
    const table = new RouteTable({
      ...tutorial,
      fallback: 'none',
      aliases: { smart: { targets: [{ provider: 'openai', model: 'gpt-4o' }], fallbacks: ['gpt-4o-mini'] } },
    });
    expect(names(table, 'gpt-4o')).toEqual(['openai/gpt-4o']);
    expect(names(table, 'smart')).toEqual(['openai/gpt-4o']);
  });

  it('never names a target twice, and starts with the model that was asked for', () => {
    const provider = fc.record({
      name: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
      models: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
      priority: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.uniqueArray(provider, { selector: ({ name }) => name, minLength: 1 }), (providers) => {
        const table = new RouteTable({ providers, aliases: {}, fallback: 'by_position' });
        for (const model of providers.flatMap(({ models }) => models)) {
          const targets = names(table, model) ?? [];
          expect(new Set(targets).size).toBe(targets.length);
          expect(targets[0]?.endsWith(`/${model}`)).toBe(true);
        }
      }),
    );
  });
});
