/** Texts in tables that spreadsheets read: one that they would take for a formula gets an apostrophe in front. */

/** What formulas begin with in spreadsheets, the wide forms of East Asian ones among them, after any apostrophes. */
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** A text as a table has it; spreadsheets do not show the apostrophe. */
export function withoutFormula(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}

/** The text that {@link withoutFormula} was given. */
export function fromFormulaFree(text: string): string {
  return text.startsWith("'") && FORMULA.test(text) ? text.slice(1) : text;
}
