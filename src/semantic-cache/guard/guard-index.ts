import { commonsOf, hasOpposite, holdsAll, mayMeanTheSame } from './compare';
import { parseText, type ParsedText } from './parse-text';

/** Texts that are read at a time: reading one takes about 0.1 ms. */
const READ_AT_ONCE = 8;
/** Texts whose pieces are looked at, and of those the ones that are compared in full: together well under a millisecond. */
const MAX_LOOKED_AT = 4_096;
const MAX_COMPARED = 32;

const NO_WORDS: readonly string[] = [];
const NO_FORMS: ReadonlySet<string> = new Set();

/** What the guard compares a text by, beyond what its whole group has in common. */
interface Kept extends Pick<ParsedText, 'text' | 'isPassive'> {
  readonly pieces: readonly string[];
  readonly content: string;
  readonly opposites: string;
}

/** Texts that have all in common that two texts must have in common. */
interface Group {
  readonly commons: string;
  readonly texts: Map<string, Kept>;
  /** The first of them, for what all have in common. */
  readonly first: ParsedText;
}

/**
 * Tells in a fraction of a millisecond whether the guard lets any of many texts stand in for another. It never says no
 * where one would: what it has not read yet, or not looked at because there is too much of it, may be one.
 */
export class GuardIndex {
  private readonly unread = new Map<string, string>();
  private readonly groups = new Map<string, Group>();
  private readonly groupOf = new Map<string, Group>();

  add(id: string, text: string): void {
    this.remove(id);
    this.unread.set(id, text);
  }

  remove(id: string): void {
    this.unread.delete(id);
    const group = this.groupOf.get(id);
    if (!group) return;
    this.groupOf.delete(id);
    group.texts.delete(id);
    if (group.texts.size === 0) this.groups.delete(group.commons);
  }

  /** False when the guard refuses every text there is. */
  mayHoldLike(asked: ParsedText): boolean {
    if (this.readSome()) return true;
    const group = this.groups.get(commonsOf(asked));
    if (!group) return false;
    let lookedAt = 0;
    let compared = 0;
    for (const text of group.texts.values()) {
      if ((lookedAt += 1) > MAX_LOOKED_AT) return true;
      if (!holdPieces(text, asked)) continue;
      if ((compared += 1) > MAX_COMPARED || mayMeanTheSame(restored(text, group.first), asked)) return true;
    }
    return false;
  }

  /** Reads a few of the texts that were added, which is cheaper between questions than with one. True when there are more. */
  readSome(): boolean {
    let count = 0;
    for (const [id, text] of this.unread) {
      if ((count += 1) > READ_AT_ONCE) return true;
      this.unread.delete(id);
      const parsed = parseText(text);
      // What the rules cannot judge stands in for nothing.
      if (parsed) this.place(id, parsed);
    }
    return false;
  }

  private place(id: string, parsed: ParsedText): void {
    const commons = commonsOf(parsed);
    const group = this.groups.get(commons) ?? { commons, texts: new Map<string, Kept>(), first: common(parsed) };
    this.groups.set(commons, group);
    this.groupOf.set(id, group);
    group.texts.set(id, kept(parsed));
  }
}

/** Whether each has the other's code, names and identifiers: the cheapest of the checks, and the one most pairs fail. */
const holdPieces = (kept: Kept, asked: ParsedText): boolean =>
  holdsAll(kept.pieces, asked) &&
  holdsAll(asked.code, kept) &&
  holdsAll(asked.names, kept) &&
  holdsAll(asked.mixed, kept);

/** A text as it is kept, in as little room as it takes: words in one string have no other string behind them. */
function kept(parsed: ParsedText): Kept {
  const { text, isPassive, code, names, mixed, content, forms } = parsed;
  const pieces = [...code, ...names, ...mixed];
  return {
    text,
    pieces: pieces.length === 0 ? NO_WORDS : pieces,
    isPassive,
    content: content.join(' '),
    opposites: [...forms].filter(hasOpposite).join(' '),
  };
}

/** The text as the guard compares it; where it speaks of pieces, it makes no difference which kind they are of. */
const restored = ({ text, pieces, isPassive, content, opposites }: Kept, first: ParsedText): ParsedText => ({
  ...first,
  text,
  code: pieces,
  isPassive,
  content: wordsOf(content),
  forms: new Set(wordsOf(opposites)),
});

/** Nothing of a text but what all of its group have in common. */
const common = (parsed: ParsedText): ParsedText => ({
  ...parsed,
  text: '',
  tokens: NO_WORDS,
  stems: NO_WORDS,
  forms: NO_FORMS,
  content: NO_WORDS,
  code: NO_WORDS,
  names: NO_WORDS,
  mixed: NO_WORDS,
});

const wordsOf = (text: string): string[] => (text === '' ? [] : text.split(' '));
