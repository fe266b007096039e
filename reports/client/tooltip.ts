/** The values under the pointer. */
const numbers = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });

function tip(): HTMLElement {
  const known = document.getElementById('tip');
  if (known !== null) return known;
  const made = document.createElement('div');
  made.id = 'tip';
  made.setAttribute('role', 'tooltip');
  made.hidden = true;
  document.body.append(made);
  return made;
}

/** As vega calls it: `value` is the datum of the mark, or null. */
export function showTip(event: MouseEvent, value: unknown): void {
  const element = tip();
  element.hidden = value === null || value === undefined || value === '';
  if (element.hidden) return;
  const table = document.createElement('table');
  for (const [key, entry] of Object.entries(value as Record<string, string | number | null | undefined>)) {
    if (entry === undefined || entry === null || (typeof entry === 'number' && Number.isNaN(entry))) continue;
    const row = table.insertRow();
    const head = document.createElement('th');
    head.textContent = key;
    const text =
      typeof entry === 'string' && /^-?[\d.,]+(e-?\d+)?$/i.test(entry) ? Number(entry.replaceAll(',', '')) : entry;
    row.append(head);
    row.insertCell().textContent =
      typeof text === 'number' && Number.isFinite(text) ? numbers.format(text) : String(entry);
  }
  element.replaceChildren(table);
  const { width, height } = element.getBoundingClientRect();
  element.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  element.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 8))}px`;
}

/** Hides the box with the values of a point. */
export function hideTip(): void {
  const element = document.getElementById('tip');
  if (element !== null) element.hidden = true;
}
