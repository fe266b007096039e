/** The scripts of a page: packed into it, or files beside it; and the policy that lets these run, and nothing else. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Client } from './client.js';

/** Ids of the elements that the laboratory takes its worker and its kernel from, in the order of the packed parts. */
const LABORATORY_PARTS = ['laboratory-worker', 'laboratory-kernel'] as const;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Unpacks the page's script with what the laboratory needs, and puts them into the page, where a hash lets it run. */
function bootScript(live: boolean): string {
  const add =
    '(t,k)=>{const ' +
    `s=document.createElement('script');if(k){s.type='text/plain';s.id=k}${live ? "else s.dataset.live='';" : ''}s.textContent=t;document.body.append(s)}`;
  const ids = JSON.stringify(LABORATORY_PARTS).replaceAll('"', "'");
  return (
    '(async()=>{const ' +
    `b=Uint8Array.from(atob(document.getElementById('client').textContent),c=>c.charCodeAt(0));const ` +
    '[m,...p]=JSON.parse(await new Response(new Blob([b]).stream().pipeThrough(new ' +
    `DecompressionStream('gzip'))).text());const a=${add};p.forEach((t,i)=>a(t,${ids}[i]));a(m)})()`
  );
}

/** What a page may load and run. */
interface Allowed {
  readonly styles: string;
  readonly scripts: string;
  /** Whether it may ask its own server for news. */
  readonly live: boolean;
}

function policyOf({ styles, scripts, live }: Allowed): string {
  return [
    "default-src 'none'",
    `style-src ${styles}`,
    'img-src data:',
    `script-src ${scripts} 'wasm-unsafe-eval'`,
    'worker-src blob:',
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** What a page needs to run its scripts: HTML at its end, and its content security policy. */
export interface Scripts {
  readonly html: string;
  readonly policy: string;
}

/** Scripts that a page holds itself; `live`: a server says when there is something new. */
export function packedScripts({ main, worker, kernel }: Client, live: boolean): Scripts {
  const boot = bootScript(live);
  const packed = gzipSync(JSON.stringify([main, worker, kernel]), { level: 9 }).toString('base64');
  return {
    html: `<script type="text/plain" id="client">${packed}</script>\n<script>${boot}</script>`,
    policy: policyOf({ styles: "'unsafe-inline'", scripts: [boot, main].map(hashOf).join(' '), live }),
  };
}

/** Scripts of a page of a site, from the file at `address`; what the laboratory needs is in the page that has it. */
export function sharedScripts({ worker, kernel }: Client, address: string, laboratory: boolean): Scripts {
  const parts = [worker.replaceAll('</script', '<\\/script'), kernel];
  const own = LABORATORY_PARTS.map((id, i) => `<script type="text/plain" id="${id}">${parts[i]!}</script>`);
  return {
    html: `${laboratory ? `${own.join('\n')}\n` : ''}<script src="${address}"></script>`,
    policy: policyOf({ styles: "'self' 'unsafe-inline'", scripts: "'self'", live: false }),
  };
}
