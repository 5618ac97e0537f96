import path from 'node:path';
import { Child } from '../support/child';

const COMMAND = path.resolve(__dirname, '../../src/cache-eval.ts');

describe('npm run cache:eval', () => {
  it.each([
    [['quora'], 'no set is called quora; known are gw-nearmiss'],
    [['--modell=x'], "Unknown option '--modell'"],
    [['--model=/nowhere'], '/nowhere is no folder'],
    [['--prefix=query: '], '--prefix is for a model of yours'],
  ])('refuses %j with what is wrong, and measures nothing', async (words, message) => {
    const child = Child.run(COMMAND, words);
    expect(await child.exit).toBe(1);
    expect(child.text).toContain(`cache:eval: `);
    expect(child.text).toContain(message);
    expect(child.text).not.toContain('encoder:');
    expect(child.text).not.toMatch(/\n +at /);
  });
});
