// The TypeScript SDK of the first generation: the `initialize` handshake only.

import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CLIENT, exercise, readArguments } from './checks.mjs';

const { era, transport: kind, target, args } = readArguments();
assert.equal(era, 'legacy', 'this SDK speaks the legacy era only');

const transport =
  kind === 'http'
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args });

// The client hands the negotiated revision to the transport and keeps no copy that can be read.
let negotiated;
const pass = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (version) => {
  negotiated = version;
  pass?.(version);
};

const client = new Client(CLIENT);
await client.connect(transport);
await exercise(client, era, negotiated);
await transport.terminateSession?.();
await client.close();
