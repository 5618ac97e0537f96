/** The words the guard knows. English: a text in another language is compared by its exact or canonical form only. */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Words that carry no matter of their own. What is not here counts, so a word too few costs a hit, one too many an error. */
export const FUNCTION_WORDS = words(`
  a an the of in on at to for as is are was were be been being am do does did doing done have has had having
  will would shall should can could may might must i me my we our us you your he him his she her it its they them their
  this that these those there here so such very just also too please hi hello hey thanks thank
  what which who whom whose when where why how way ways really actually`);

/** A frame in which a question may be put without being another one: "tell me what …", "explain …". */
export const FRAME =
  /^\W*(?:(?:please|kindly|hi|hello|hey)\b\W*)*(?:(?:can|could|would|will) you (?:please |kindly )?)?(?:(?:please )?(?:tell me|explain to me|explain|describe|help me understand|show me|let me know|i (?:want|need|would like) to know)\b\W*(?:about )?)?/;

export const NEGATIONS = words(`
  not no never none nobody nothing neither nor cannot without avoid avoiding avoided except lack lacks lacking unless non
  unpaid hardly barely`);

export const NUMBER_WORDS: Readonly<Record<string, number>> = {
  zero: 0,
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  eleven: 11,
  twelve: 12,
  thirteen: 13,
  fourteen: 14,
  fifteen: 15,
  second: 2,
  third: 3,
  fourth: 4,
  fifth: 5,
  sixth: 6,
  twenty: 20,
  thirty: 30,
  forty: 40,
  fifty: 50,
  hundred: 100,
  thousand: 1000,
  million: 1e6,
  billion: 1e9,
  twice: 2,
  double: 2,
  triple: 3,
  half: 0.5,
  dozen: 12,
};

/** Numbers that stand for themselves: "three ways" are "3 ways". */
export const CARDINALS = words(`
  zero two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million billion
  dozen`);

/** Words with an s that are no plurals of the word without. */
export const SENSES_OF_PLURALS = words(
  'news times customs arms goods pants lens canvas glasses stocks savings earnings',
);

/** Words that are other words with a capital. */
const HOMOGRAPHS =
  'it us who aids rest soap acid act sat pin ram cobra polish turkey china march may mercury windows rust apple subway visa target slack edge word swift go safari meta square stripe signal discord shell orange virgin delta jordan chad guinea bath reading nice cork mobile buffalo phoenix bill mark will grace hope faith rose rob sue art gene dean sie ihr';

/** One of them with a capital, where no sentence begins, or in capitals anywhere. */
export const CAPITAL_HOMOGRAPH = new RegExp(
  `(?<=[^\\s.!?:] )(?:${HOMOGRAPHS.replace(/ ?\b(\w)(\w*)/g, (_, first: string, rest: string) => `|${first.toUpperCase()}${rest}`).slice(1)})\\b|\\b(?:${HOMOGRAPHS.toUpperCase().replaceAll(' ', '|')})\\b`,
  'g',
);

/** Words of one class exclude each other: one month is not another. */
const CLASSES: Readonly<Record<string, string>> = {
  month:
    'january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec',
  day: 'monday tuesday wednesday thursday friday saturday sunday weekend',
  relative_day: 'today tomorrow yesterday tonight',
  language:
    'english french german spanish italian portuguese russian chinese mandarin japanese korean arabic hindi dutch polish turkish swedish greek hebrew latin',
  programming_language:
    'python java javascript typescript c++ c# ruby rust go php kotlin swift perl scala bash powershell sql',
  meal: 'breakfast lunch dinner brunch supper',
  system: 'windows linux mac ubuntu debian android ios fedora centos',
  format: 'json yaml xml csv html markdown table bullet emoji paragraph sentence essay haiku poem list',
  unit: 'km mile m foot inch cm mm kg pound gram ounce celsius fahrenheit kelvin liter gallon secs minute hour day week month year decade kb mb gb tb percent usd eur gbp inr yen',
};

export const CLASS_OF: ReadonlyMap<string, readonly string[]> = (() => {
  const map = new Map<string, string[]>();
  for (const [name, members] of Object.entries(CLASSES)) {
    for (const word of members.split(' ')) map.set(word, [...(map.get(word) ?? []), name]);
  }
  return map;
})();

export const SAME_WORD: Readonly<Record<string, string>> = {
  kilometers: 'km',
  kilometer: 'km',
  kilometre: 'km',
  kilometres: 'km',
  miles: 'mile',
  meters: 'm',
  meter: 'm',
  metres: 'm',
  metre: 'm',
  feet: 'foot',
  inches: 'inch',
  kilograms: 'kg',
  kilogram: 'kg',
  pounds: 'pound',
  lb: 'pound',
  lbs: 'pound',
  grams: 'gram',
  ounces: 'ounce',
  oz: 'ounce',
  liters: 'liter',
  litre: 'liter',
  litres: 'liter',
  gallons: 'gallon',
  seconds: 'secs',
  minutes: 'minute',
  hours: 'hour',
  days: 'day',
  weeks: 'week',
  months: 'month',
  years: 'year',
  $: 'usd',
  '€': 'eur',
  '£': 'gbp',
  '¥': 'yen',
  dollars: 'usd',
  dollar: 'usd',
  euros: 'eur',
  euro: 'eur',
  rupees: 'inr',
  rupee: 'inr',
  emojis: 'emoji',
  bullets: 'bullet',
  macos: 'mac',
  golang: 'go',
  summarise: 'summarize',
  optimise: 'optimize',
  organise: 'organize',
  colour: 'color',
  favourite: 'favorite',
  centre: 'center',
};

export const IRREGULAR: Readonly<Record<string, string>> = {
  men: 'man',
  women: 'woman',
  children: 'child',
  people: 'person',
  went: 'go',
  gone: 'go',
  made: 'make',
  bought: 'buy',
  sold: 'sell',
  won: 'win',
  lost: 'lose',
  wrote: 'write',
  written: 'write',
  built: 'build',
  mice: 'mouse',
  ran: 'run',
  took: 'take',
  taken: 'take',
  got: 'get',
  found: 'find',
  knew: 'know',
  known: 'know',
};

/** Opposite concepts, each side a set of words. */
const OPPOSITES = `enable enabled on activate activated allow allowed permit open opened unlock unblock grant turn-on switch-on|disable disabled off deactivate deactivated deny denied block blocked close closed lock forbid revoke prevent turn-off switch-off
increase increased raise rise rising grow higher faster up more gain longer larger bigger maximum max most highest maximise maximize upgrade|decrease decreased reduce lower lowering fall falling drop shrink slower down less lose shorter smaller minimum min least lowest minimise minimize downgrade
add create insert append attach install subscribe include join follow register mount connect import give push|remove delete drop erase detach uninstall unsubscribe exclude leave unfollow unregister unmount disconnect export pop
start begin launch resume run boot before earlier|stop end finish halt pause kill shutdown after later
best better good advantage advantages benefit benefits pro pros strength strengths strongest positive like love|worst worse bad disadvantage disadvantages drawback drawbacks downside con cons weakness weaknesses weakest negative dislike hate
buy purchase|sell rent
upload push encrypt encode serialize compress write send input|download pull decrypt decode deserialize decompress read receive output
accept approve confirm|decline reject refuse cancel
win succeed success pass|lose fail failure
safe legal possible valid required mandatory|unsafe dangerous illegal impossible invalid optional
synchronous sync|asynchronous async
public external|private internal
formal|casual informal
simply briefly short|detail detailed thoroughly long
male man men he him his father boy husband son|female woman women she her mother girl wife daughter
always all every|never none any some ever
first|last
in|out
left|right
north|south
east|west
new young|old
hot warm|cold cool
early|late
above over inside front|below under outside back
parent|child
lend|borrow
debit|credit
ascending|descending
true yes|false no
introvert|extrovert
hide|show
cheap|expensive
large big high hard strong rich full|small low soft weak poor empty
with|without
and|or`;

/** For each word and its stem: the pairs it belongs to; positive on one side, negative on the other. */
export function opposites(stem: (word: string) => string): ReadonlyMap<string, ReadonlySet<number>> {
  const map = new Map<string, Set<number>>();
  const add = (word: string, side: number): void => {
    for (const form of [word, stem(word)]) map.set(form, (map.get(form) ?? new Set<number>()).add(side));
  };
  OPPOSITES.split('\n').forEach((line, index) => {
    const [left = '', right = ''] = line.split('|');
    for (const word of left.split(' ')) add(word, index + 1);
    for (const word of right.split(' ')) add(word, -(index + 1));
  });
  return map;
}

/** Prepositions that say who does what to whom: one of them on one side only makes it another question. */
export const DIRECTIONS = words('from by about through during into against than between toward towards over via like');

/** Enough of these and the text is not English, whatever its letters. */
export const FOREIGN_WORDS = words(`
  der die das und ist nicht wie ein eine mit auf für que los las el una por como para est les des une pour comment il che
  per di del della sono qual quel quelle dans sur avec het een hoe wat och att hur jest czy jak`);
