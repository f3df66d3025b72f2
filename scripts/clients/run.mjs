// Starts the echo server and lets every real client talk to it over every transport and era that it has.
// Usage: run.mjs ECHO-PROGRAM OUTPUT-FOLDER PYTHON-V1 PYTHON-V2

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { freePort, runToEnd, startServer, stop, tail } from '../lib/process.mjs';

const HERE = import.meta.dirname;
const CLIENT_LIMIT_MS = 60_000;

const [echo, output, pythonV1, pythonV2] = process.argv.slice(2);
const CLIENTS = [
  { name: 'TypeScript v1', argv: [process.execPath, path.join(HERE, 'ts-v1.mjs')], eras: ['legacy'] },
  { name: 'TypeScript v2', argv: [process.execPath, path.join(HERE, 'ts-v2.mjs')], eras: ['legacy', 'modern'] },
  { name: 'Python v1', argv: [pythonV1, path.join(HERE, 'py_v1.py')], eras: ['legacy'] },
  { name: 'Python v2', argv: [pythonV2, path.join(HERE, 'py_v2.py')], eras: ['legacy', 'modern'] },
];

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });

const port = await freePort();
const serverLog = path.join(output, 'mcp-echo.log');
const child = await startServer([echo, '--listen', `127.0.0.1:${port}`], { port, log: serverLog }).catch((cause) => {
  console.error(cause.message);
  process.exit(1);
});
const TARGETS = { http: [`http://127.0.0.1:${port}/mcp`], stdio: [echo, '--stdio'] };

let failed = 0;
for (const { name, argv, eras } of CLIENTS) {
  for (const era of eras) {
    for (const [transport, target] of Object.entries(TARGETS)) {
      const label = `${name}, ${era}, ${transport}`;
      const log = path.join(output, `${label.replaceAll(/\W+/g, '-')}.log`);
      const started = Date.now();
      const outcome = await runToEnd([...argv, era, transport, ...target], { log, within: CLIENT_LIMIT_MS });
      const took = `${Date.now() - started} ms`;
      if (outcome.code === 0) {
        console.log(`ok      ${label} (${took})`);
      } else {
        failed += 1;
        console.log(`FAILED  ${label} (${took}): ${outcome.why}\n${tail(log)}`);
      }
    }
  }
}

// Exit code 0 after SIGTERM is part of what the program promises.
const end = await stop(child);
if (end.code !== 0) {
  failed += 1;
  console.log(`FAILED  mcp-echo did not stop as it should: ${end.why}`);
}
if (failed > 0) console.log(`last lines of the server's log (${serverLog}):\n${tail(serverLog)}`);
process.exit(failed === 0 ? 0 : 1);
