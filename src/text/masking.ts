/** Masked tokens for a masked language model: Devlin et al. 2019, section 3.1. Letters: T tokens. */
import { filled } from '../core/host-array.js';
import { uniforms, type RngKey } from '../core/rng.js';
import { CONTINUES, SPECIAL, type WordPiece } from './wordpiece.js';

/** How many tokens of a row are masked, and how. */
export interface MaskingSpec {
  /** Tokens of a row that are masked, and that the network is to tell. Published: 15 % of them. */
  readonly count: number;
  /**
   * Shares of these that become [MASK] and a random token; the rest stays. Published: 0.8 and 0.1.
   */
  readonly mask: number;
  readonly random: number;
  /** All pieces of a word or none. */
  readonly wholeWords: boolean;
}

/** A row of tokens after masking. */
export interface Masked {
  /** The row with some tokens changed. */
  readonly ids: Int32Array;
  /** Masked positions, ascending. */
  readonly positions: Int32Array;
  /** What stood at the masked positions. */
  readonly labels: Int32Array;
}

/** Masks rows of one tokenizer's tokens; what it has to know of the vocabulary is asked once. */
export class Masking {
  private readonly special: Uint8Array;
  private readonly continues: Uint8Array;
  private readonly mask: number;
  /** Tokens that a random one is drawn from. */
  private readonly ordinary: Int32Array;

  constructor(
    tokenizer: WordPiece,
    private readonly spec: MaskingSpec,
  ) {
    const names: ReadonlySet<string> = new Set(Object.values(SPECIAL));
    const { vocabulary } = tokenizer;
    this.special = filled(new Uint8Array(vocabulary.length), (id) => Number(names.has(vocabulary[id]!)));
    this.continues = filled(new Uint8Array(vocabulary.length), (id) => Number(vocabulary[id]!.startsWith(CONTINUES)));
    this.mask = tokenizer.id(SPECIAL.mask);
    this.ordinary = Int32Array.from([...vocabulary.keys()].filter((id) => this.special[id] === 0));
  }

  /**
   * Masks a row; a function of the key alone. `count` tokens, or as many as there are: of whole words the last one may
   * be cut, so that every row has as many.
   */
  apply(row: Int32Array, key: RngKey): Masked {
    const units = this.unitsOf(row);
    const draws = uniforms(key, units.length + 2 * row.length);
    const order = [...units.keys()].sort((a, b) => draws[a]! - draws[b]!);
    const chosen: number[] = [];
    for (const unit of order) {
      if (chosen.length >= this.spec.count) break;
      chosen.push(...units[unit]!.slice(0, this.spec.count - chosen.length));
    }
    const positions = Int32Array.from(chosen).sort();
    const ids = Int32Array.from(row);
    positions.forEach((position, i) => {
      const [what, which] = [draws[units.length + 2 * i]!, draws[units.length + 2 * i + 1]!];
      if (what < this.spec.mask) ids[position] = this.mask;
      else if (what < this.spec.mask + this.spec.random)
        ids[position] = this.ordinary[Math.floor(which * this.ordinary.length)]!;
    });
    return { ids, positions, labels: positions.map((position) => row[position]!) };
  }

  /** Positions that are masked together: single tokens, or the pieces of a word. */
  private unitsOf(row: Int32Array): number[][] {
    const units: number[][] = [];
    for (const [position, id] of row.entries()) {
      if (this.special[id] === 1) continue;
      const before = units.at(-1);
      if (this.spec.wholeWords && this.continues[id] === 1 && before?.at(-1) === position - 1) before.push(position);
      else units.push([position]);
    }
    return units;
  }
}
