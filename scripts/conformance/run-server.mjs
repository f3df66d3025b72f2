// Runs the suite's server scenarios against a server that it starts, and judges the results.
// Usage: run-server.mjs SERVER OUTPUT-FOLDER [--extensions]

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { freePort, runToEnd, startServer, stop, tail } from '../lib/process.mjs';
import { EXPECTED, EXPECTED_EXTENSION, judge, parseSkips, readResults } from './judge.mjs';

const HERE = import.meta.dirname;
const SUITE = path.join(HERE, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const RUN_LIMIT_MS = 300_000;

const [server, output, mode] = process.argv.slice(2);
const skips = parseSkips(readFileSync(path.join(HERE, 'skips.txt'), 'utf8'));

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });

const port = await freePort();
const serverLog = path.join(output, 'server.log');
const child = await startServer([server, '--listen', `127.0.0.1:${port}`], { port, log: serverLog }).catch((cause) => {
  console.error(cause.message);
  process.exit(1);
});

/** One run of the suite. Returns what is wrong with the run itself, if anything. */
async function suite(folder, log, selection) {
  const outcome = await runToEnd(
    [process.execPath, SUITE, 'server', '--url', `http://127.0.0.1:${port}/mcp`, ...selection, '-o', folder],
    { log, within: RUN_LIMIT_MS, env: { NODE_OPTIONS: `--require ${JSON.stringify(path.join(HERE, 'loopback.cjs'))}` } },
  );
  return outcome.code === 0 ? [] : [`the suite ended with ${outcome.why}; its output is in ${log}`];
}

function report({ summary, problems }) {
  console.log(summary);
  problems.forEach((problem) => console.log(`  ${problem}`));
  return problems.length === 0;
}

async function revision(name) {
  const folder = path.join(output, name);
  mkdirSync(folder);
  const wrong = await suite(folder, path.join(output, `${name}.log`), ['--suite', 'all', '--spec-version', name]);
  const verdict = judge(name, readResults(folder), EXPECTED[name], skips.get(name));
  return report({ summary: verdict.summary, problems: [...wrong, ...verdict.problems] });
}

/** The scenarios of extensions belong to no suite: each is named. */
async function extensions() {
  const list = execFileSync(process.execPath, [SUITE, 'list', '--server'], { encoding: 'utf8' });
  const names = [...list.matchAll(/^\s*- ((?:tasks|sep-2640)-\S+)/gm)].map((match) => match[1]);
  const folder = path.join(output, 'extension');
  mkdirSync(folder);
  const wrong = [];
  for (const name of names) {
    wrong.push(...(await suite(folder, path.join(output, `${name}.log`), ['--scenario', name])));
  }
  const verdict = judge('extension', readResults(folder), EXPECTED_EXTENSION, skips.get('extension'));
  return report({ summary: verdict.summary, problems: [...wrong, ...verdict.problems] });
}

let good = true;
if (mode === '--extensions') {
  good = await extensions();
} else {
  for (const name of Object.keys(EXPECTED)) good = (await revision(name)) && good;
  for (const name of skips.keys()) {
    if (!(name in EXPECTED) && name !== 'extension') {
      console.log(`skips.txt names a revision that is not run: ${name}`);
      good = false;
    }
  }
}

if (child.exitCode !== null || child.signalCode !== null) {
  console.log(`the server ended before it was asked to: ${(await child.ended).why}`);
  good = false;
}
await stop(child);
if (!good) console.log(`last lines of the server's log (${serverLog}):\n${tail(serverLog)}`);
process.exit(good ? 0 : 1);
