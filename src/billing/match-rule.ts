/** A rule of the price list for the names of a model. */
export type MatchRule =
  | { readonly and: readonly MatchRule[] }
  | { readonly or: readonly MatchRule[] }
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string };

/** Tells whether a name in lower case fits. */
export type NameTest = (name: string) => boolean;

/** Compiles a rule once; texts are compared without regard to case, as the price list means them. */
export function compileRule(rule: MatchRule): NameTest {
  if ('or' in rule) {
    const tests = rule.or.map(compileRule);
    return (name) => tests.some((test) => test(name));
  }
  if ('and' in rule) {
    const tests = rule.and.map(compileRule);
    return (name) => tests.every((test) => test(name));
  }
  if ('regex' in rule) {
    const pattern = new RegExp(rule.regex);
    return (name) => pattern.test(name);
  }
  return compileText(rule);
}

type TextRule = Extract<
  MatchRule,
  { equals: string } | { starts_with: string } | { ends_with: string } | { contains: string }
>;

function compileText(rule: TextRule): NameTest {
  if ('equals' in rule)
    return (
      (text) => (name: string) =>
        name === text
    )(rule.equals.toLowerCase());
  if ('starts_with' in rule)
    return (
      (text) => (name: string) =>
        name.startsWith(text)
    )(rule.starts_with.toLowerCase());
  if ('ends_with' in rule)
    return (
      (text) => (name: string) =>
        name.endsWith(text)
    )(rule.ends_with.toLowerCase());
  return (
    (text) => (name: string) =>
      name.includes(text)
  )(rule.contains.toLowerCase());
}

const COMPACT_DATE = /-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g;

/** `claude-x-20250514` as `claude-x-2025-05-14`: the price list writes dates of models either way. */
export const withDashedDate = (name: string): string => name.replace(COMPACT_DATE, '-$1-$2-$3');
