/** Aids for reading: links that copy themselves, contents that follow, folded claims that open when linked to. */

/** Opens everything that hides the element of the address. */
function openTarget(): void {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target === null) return;
  if (target instanceof HTMLDetailsElement) target.open = true;
  const folded: HTMLDetailsElement[] = [];
  for (let at = target.closest('details'); at !== null; at = at.parentElement?.closest('details') ?? null)
    folded.push(at);
  const closed = folded.filter(({ open }) => !open);
  for (const one of closed) one.open = true;
  if (closed.length > 0) target.scrollIntoView();
}

let spoken: ReturnType<typeof setTimeout> | undefined;

function say(text: string): void {
  const status = document.getElementById('said')!;
  status.textContent = text;
  clearTimeout(spoken);
  spoken = setTimeout(() => (status.textContent = ''), 3000);
}

/** Puts a text on the clipboard, where the browser lets the page. */
async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say('The browser does not let this page copy.');
  }
}

/** The entry of the contents whose section is being read is marked. */
function followContents(): void {
  const links = new Map(
    [...document.querySelectorAll<HTMLAnchorElement>('#contents a')].map((link) => [link.hash.slice(1), link]),
  );
  // in the order of the page, in which the laboratory stands within a section, and not in that of the contents
  const headings = [...document.querySelectorAll('[id]')].filter(({ id }) => links.has(id));
  let current: HTMLAnchorElement | undefined;
  const follow = (): void => {
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3).at(-1);
    const link = links.get(passed?.id ?? '');
    if (link === current) return;
    current?.removeAttribute('aria-current');
    link?.setAttribute('aria-current', 'location');
    current = link;
  };
  let waiting = false;
  addEventListener(
    'scroll',
    () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        follow();
      });
    },
    { passive: true },
  );
  follow();
}

/** Makes the page answer readers: links to copy, contents that mark the section that is read. */
export function startReading(): void {
  document.documentElement.classList.add('scripted');
  document.addEventListener('click', (event) => {
    const { target } = event;
    if (!(target instanceof Element)) return;
    const link = target.closest<HTMLAnchorElement>('a.anchor');
    if (link !== null) void copy(link.href, 'Link');
    const button = target.closest<HTMLElement>('button[data-copies]');
    if (button !== null) void copy(document.getElementById(button.dataset.copies!)?.textContent ?? '', 'BibTeX');
  });
  addEventListener('hashchange', openTarget);
  addEventListener('beforeprint', () => {
    for (const details of document.querySelectorAll<HTMLDetailsElement>('details.claims')) details.open = true;
  });
  openTarget();
  followContents();
}
