import { InvalidRequestError } from '../core/errors';
import { modelPage } from './model-page';

const NAMES = ['a', 'b', 'c', 'd'];

describe('a page of models', () => {
  it.each([
    [{}, NAMES, false],
    [{ limit: '1' }, ['a'], true],
    [{ limit: '4' }, NAMES, false],
    [{ limit: '2', after_id: 'a' }, ['b', 'c'], true],
    [{ limit: '2', after_id: 'b' }, ['c', 'd'], false],
    [{ after_id: 'd' }, [], false],
    [{ limit: '2', before_id: 'd' }, ['b', 'c'], true],
    [{ limit: '2', before_id: 'c' }, ['a', 'b'], false],
    [{ before_id: 'c' }, ['a', 'b'], false],
    [{ limit: '2', before_id: 'a' }, [], false],
  ])('%j', (query, names, hasMore) => {
    expect(modelPage(NAMES, query)).toEqual({ names, hasMore });
  });

  it.each([
    [{ limit: '0' }, 'limit'],
    [{ limit: '1001' }, 'limit'],
    [{ limit: 'many' }, 'limit'],
    [{ limit: ['1', '2'] }, 'limit'],
    [{ after_id: 'z' }, 'after_id'],
    [{ before_id: 'z' }, 'before_id'],
    [{ after_id: 'a', before_id: 'd' }, 'before_id'],
  ])('%j is refused by name', (query, param) => {
    expect(() => modelPage(NAMES, query)).toThrow(InvalidRequestError);
    expect(() => modelPage(NAMES, query)).toThrow(expect.objectContaining({ param }) as Error);
  });
});
