// An official TypeScript client that is turned away, finds the authorization server, registers, sends its user there,
// redeems the code, and refreshes. Usage: oauth.mjs v1|v2 legacy|modern URL DATA-FOLDER-OF-THE-AUTHORIZATION-SERVER

import assert from 'node:assert/strict';
import { allow, ownerCode } from '../lib/browser.mjs';
import { CLIENT } from './checks.mjs';

const [generation, era, url, data] = process.argv.slice(2);
const load = {
  v1: async () => ({
    ...(await import('@modelcontextprotocol/sdk/client/index.js')),
    ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
    ...(await import('@modelcontextprotocol/sdk/client/auth.js')),
  }),
  v2: () => import('@modelcontextprotocol/client'),
};
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await load[generation]();
const REDIRECT = 'http://127.0.0.1:4711/callback';

/** What the client keeps. */
class Kept {
  redirectUrl = REDIRECT;
  clientMetadata = {
    client_name: `TypeScript ${generation}, ${era}`,
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  refreshed = 0;
  state = () => 'a-state';
  clientInformation = () => this.information;
  saveClientInformation = (information) => void (this.information = information);
  tokens = () => this.held;
  saveTokens = (tokens) => {
    this.refreshed += this.held === undefined ? 0 : 1;
    this.held = tokens;
  };
  redirectToAuthorization = (link) => void (this.link = link);
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  codeVerifier = () => this.verifier;
}

const kept = new Kept();

async function listTools() {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: kept });
  const client = new Client(CLIENT, era === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {});
  try {
    await client.connect(transport);
    return (await client.listTools()).tools.map((tool) => tool.name);
  } catch (error) {
    error.transport = transport;
    throw error;
  } finally {
    await client.close();
  }
}

// Without a token it is turned away, and comes back with a link for its user.
const refused = await listTools().then(
  () => assert.fail('the server lets in a client without a token'),
  (error) => error,
);
assert(refused instanceof UnauthorizedError, `turned away otherwise than expected: ${refused.stack}`);
assert.match(kept.information.client_id, /./, 'the client has registered itself');
assert.equal(kept.link.searchParams.get('resource'), url, 'RFC 8707 section 2: the resource is named');

const back = new URL(await allow(kept.link, () => ownerCode(data)));
assert.equal(back.origin + back.pathname, REDIRECT);
assert.equal(back.searchParams.get('state'), 'a-state');
const answer = generation === 'v2' ? back.searchParams : back.searchParams.get('code');
await refused.transport.finishAuth(answer);
assert((await listTools()).includes('echo'));
assert.equal(kept.refreshed, 0);

// A token that is no good sends it to the token endpoint, and not to its user.
const before = kept.held;
kept.held = { ...before, access_token: `${before.access_token.slice(0, -4)}AAAA` };
kept.link = undefined;
assert((await listTools()).includes('echo'));
assert.deepEqual([kept.refreshed, kept.link], [1, undefined]);
assert.notEqual(kept.held.refresh_token, before.refresh_token, 'OAuth 2.1 section 4.3.1: refresh tokens rotate');
