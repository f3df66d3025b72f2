// Starts mcp-auth, and mcp-echo that takes its tokens only, and lets the TypeScript clients find their way in.
// Usage: run-oauth.mjs ECHO-PROGRAM AUTH-PROGRAM OUTPUT-FOLDER

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { freePort, runToEnd, startServer, stop, tail } from '../lib/process.mjs';

const CLIENT_LIMIT_MS = 60_000;
const CLIENTS = [
  { generation: 'v1', era: 'legacy' },
  { generation: 'v2', era: 'legacy' },
  { generation: 'v2', era: 'modern' },
];

const [echo, auth, output] = process.argv.slice(2);
rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });

const [authPort, echoPort] = [await freePort(), await freePort()];
const [issuer, url] = [`http://127.0.0.1:${authPort}`, `http://127.0.0.1:${echoPort}/mcp`];
const data = path.join(output, 'data');
const [authLog, echoLog] = ['mcp-auth', 'mcp-echo'].map((name) => path.join(output, `${name}.log`));

async function main() {
  const authServer = await startServer(
    [auth, '--data', data, '--listen', `127.0.0.1:${authPort}`, '--resource', url],
    { port: authPort, log: authLog },
  );
  const echoServer = await startServer(
    [echo, '--listen', `127.0.0.1:${echoPort}`, '--auth-issuer', issuer, '--resource', url],
    { port: echoPort, log: echoLog },
  );
  let failed = 0;
  for (const { generation, era } of CLIENTS) {
    const label = `TypeScript ${generation}, ${era}, with OAuth`;
    const log = path.join(output, `${generation}-${era}.log`);
    const argv = [process.execPath, path.join(import.meta.dirname, 'oauth.mjs'), generation, era, url, data];
    const started = Date.now();
    const outcome = await runToEnd(argv, { log, within: CLIENT_LIMIT_MS });
    const took = `${Date.now() - started} ms`;
    if (outcome.code === 0) {
      console.log(`ok      ${label} (${took})`);
    } else {
      failed += 1;
      console.log(`FAILED  ${label} (${took}): ${outcome.why}\n${tail(log)}`);
    }
  }
  for (const [name, child] of [['mcp-echo', echoServer], ['mcp-auth', authServer]]) {
    const end = await stop(child);
    if (end.code !== 0) {
      failed += 1;
      console.log(`FAILED  ${name} did not stop as it should: ${end.why}`);
    }
  }
  if (failed > 0) console.log(`last lines of the servers' logs:\n${tail(authLog)}\n${tail(echoLog)}`);
  return failed === 0;
}

const good = await main().catch((cause) => {
  console.error(cause.message);
  return false;
});
process.exit(good ? 0 : 1);
