export { openModelFolder } from './encoder/model-folder/model-folder-session';
export { openUseLite } from './encoder/use-lite/use-lite-session';
export { RULES, score, see, type LabelledPair, type Rule, type SeenPair } from './measure-pairs';
export { wilsonInterval } from './wilson';
