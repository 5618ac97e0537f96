import { interpolate } from './interpolate';

const variables = { KEY: 'value', EMPTY: '', TRICKY: 'a # b\nmodels: [x] ${KEY}' };

describe('interpolate', () => {
  it.each([
    ['${KEY}', 'value'],
    ['a-${KEY}-${KEY}', 'a-value-value'],
    ['${NONE:-default}', 'default'],
    ['${NONE-default}', 'default'],
    ['${EMPTY:-default}', 'default'],
    ['${EMPTY-default}', ''],
    ['${KEY:-default}', 'value'],
    ['${KEY:?is needed}', 'value'],
    ['${NONE:-}', ''],
    ['$${KEY}', '${KEY}'],
    ['$KEY and $5', '$KEY and $5'],
    ['no variable', 'no variable'],
  ])('reads %s as "%s"', (source, text) => {
    expect(interpolate(source, variables)).toMatchObject({ text, problems: [] });
  });

  it('takes a value as it is: it is not looked into again', () => {
    expect(interpolate('${TRICKY}', variables).text).toBe(variables.TRICKY);
  });

  it('names a variable that is not set, and how to give a default', () => {
    expect(interpolate('${NONE}', variables).problems).toEqual([
      'environment variable NONE is not set; set it, or write ${NONE:-default}',
    ]);
  });

  it("tells the operator's own words", () => {
    expect(interpolate('${EMPTY:?ask the platform team}', variables).problems).toEqual([
      'environment variable EMPTY is not set: ask the platform team',
    ]);
  });

  it('tells an empty variable from one that is not set', () => {
    expect(interpolate('${EMPTY}', variables)).toMatchObject({ text: '', problems: [], emptyVariables: ['EMPTY'] });
  });

  it('finds nothing in the prototype of the variables', () => {
    expect(interpolate('${constructor}', variables).problems).toHaveLength(1);
  });

  it.each(['${', '${KEY', '${}', '${A B}', '${1A}', '${KEY:+x}'])('refuses %s', (source) => {
    const { problems, text } = interpolate(source, variables);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('write ${NAME}');
    expect(text).toBe('');
  });
});
