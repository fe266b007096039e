/** What keys and values of declarations were called before run format 3. Files that say them so are still read. */

/** A key of a declaration, or one of its values, that has another name now. */
export interface Rename {
  /** The key: the old one, or the one whose value is meant. */
  readonly key: string;
  /** The old value, where it is a value that was renamed and not the key. */
  readonly value?: string;
  /** The new name of the key, or of the value. */
  readonly to: string;
  /** Only in objects with these values, for example `{ family: 'bert' }`; in all without it. */
  readonly where?: Readonly<Record<string, string>>;
}

/** Every rename. A key that was renamed here is a line here. */
export const RENAMES: readonly Rename[] = [];
