// A browser as far as the authorization server's pages need one: cookies, redirects, and forms without script.

import { readFileSync } from 'node:fs';
import path from 'node:path';

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" };

const decode = (text) => text.replace(/&(#x27|#39|\w+);/g, (whole, name) => ENTITIES[name] ?? whole);

/** The attributes of a tag, all of which are in double quotes. */
function attributes(tag) {
  return Object.fromEntries([...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, decode(value)]));
}

/** The forms of a page, with the fields that have a name. */
export function forms(html) {
  const found = [];
  for (const [tag, name] of html.matchAll(/<(form|input|button)\b[^>]*>/g)) {
    const own = attributes(tag);
    if (name === 'form') found.push({ action: own.action, method: own.method, fields: [] });
    else if (own.name && found.length > 0) found.at(-1).fields.push(own);
  }
  return found;
}

export class Browser {
  #cookies = new Map();

  /** Asks for a page. Redirects are for the caller to follow: that is where a browser would show where it goes. */
  async open(url, init = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...init.headers, ...(cookie && { cookie }) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual', signal: AbortSignal.timeout(30_000) });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/;\s*Max-Age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    const location = response.headers.get('location');
    const next = location === null ? undefined : new URL(location, url).href;
    return { url, status: response.status, next, html: await response.text() };
  }

  /** Fills in the form of a page that has all these fields, and sends it as a browser does from a page of the same origin. */
  async submit(page, filled) {
    const names = Object.keys(filled);
    const form = forms(page.html).find(({ fields }) => names.every((name) => fields.some((field) => field.name === name)));
    if (!form) throw new Error(`no form with ${names.join(', ')} at ${new URL(page.url).pathname} (status ${page.status})`);
    const hidden = form.fields.filter(({ type, name }) => type === 'hidden' && !names.includes(name));
    const body = new URLSearchParams([...hidden.map(({ name, value }) => [name, value ?? '']), ...Object.entries(filled)]);
    const url = new URL(form.action ?? page.url, page.url).href;
    const headers = { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' };
    return this.open(url, { method: 'POST', headers, body });
  }
}

/** Signs in on the page of this link, consents, and returns the URL by which the client gets its answer. */
export async function allow(link, credentials) {
  const browser = new Browser();
  const signIn = await browser.open(link);
  if (signIn.status !== 200) throw new Error(`the link answers ${signIn.status}`);
  const signedIn = await browser.submit(signIn, credentials());
  if (signedIn.status !== 303) throw new Error(`signing in answers ${signedIn.status}`);
  const consent = await browser.open(signedIn.next);
  const decided = await browser.submit(consent, { decision: 'approve' });
  if (decided.status !== 303) throw new Error(`consenting answers ${decided.status}`);
  return decided.next;
}

/** The owner's one-time code, which the server writes into its data folder as soon as somebody opens the page. */
export function ownerCode(data) {
  return { code: /as owner: (\S+)/.exec(readFileSync(path.join(data, 'owner-code'), 'utf8'))[1] };
}
