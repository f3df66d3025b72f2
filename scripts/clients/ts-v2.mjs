// The TypeScript SDK of the second generation: legacy by default, modern when it may negotiate.

import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { CLIENT, exercise, readArguments } from './checks.mjs';

const { era, transport: kind, target, args } = readArguments();

const transport =
  kind === 'http'
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args });

const client = new Client(CLIENT, era === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {});
await client.connect(transport);
assert.equal(client.getProtocolEra(), era);
await exercise(client, era, client.getNegotiatedProtocolVersion());
if (era === 'legacy') await transport.terminateSession?.();
await client.close();
