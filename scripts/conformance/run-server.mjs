// Runs the suite's server scenarios against a server that it starts, and judges the results.
// Usage: run-server.mjs SERVER OUTPUT-FOLDER [--extensions]

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { freePort, runToEnd, startServer, stop, tail } from '../lib/process.mjs';
import { EXPECTED, EXPECTED_EXTENSION, EXPECTED_JSON, judge, parseSkips, readResults } from './judge.mjs';

const HERE = import.meta.dirname;
const SUITE = path.join(HERE, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const RUN_LIMIT_MS = 300_000;

const [server, output, mode] = process.argv.slice(2);
const skips = parseSkips(readFileSync(path.join(HERE, 'skips.txt'), 'utf8'));

rmSync(output, { recursive: true, force: true });

/** One run of the suite. Returns what is wrong with the run itself, if anything. */
async function suite(port, folder, log, selection) {
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

/** All revisions, each held to what is expected of it. */
async function revisions(port, output, expected) {
  let good = true;
  for (const name of Object.keys(expected)) {
    const folder = path.join(output, name);
    mkdirSync(folder);
    const selection = ['--suite', 'all', '--spec-version', name];
    const wrong = await suite(port, folder, path.join(output, `${name}.log`), selection);
    const verdict = judge(name, readResults(folder), expected[name], skips.get(name));
    good = report({ summary: verdict.summary, problems: [...wrong, ...verdict.problems] }) && good;
  }
  return good;
}

/** The scenarios of extensions belong to no suite: each is named. */
async function extensions(port, output) {
  const list = execFileSync(process.execPath, [SUITE, 'list', '--server'], { encoding: 'utf8' });
  const names = [...list.matchAll(/^\s*- ((?:tasks|sep-2640)-\S+)/gm)].map((match) => match[1]);
  const folder = path.join(output, 'extension');
  mkdirSync(folder);
  const wrong = [];
  for (const name of names) {
    wrong.push(...(await suite(port, folder, path.join(output, `${name}.log`), ['--scenario', name])));
  }
  const verdict = judge('extension', readResults(folder), EXPECTED_EXTENSION, skips.get('extension'));
  return report({ summary: verdict.summary, problems: [...wrong, ...verdict.problems] });
}

/** Starts the server with these arguments, runs `checks` against it, and stops it. */
async function against(label, args, checks) {
  const folder = path.join(output, label);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const serverLog = path.join(folder, 'server.log');
  const child = await startServer([server, '--listen', `127.0.0.1:${port}`, ...args], { port, log: serverLog });
  let good = await checks(port, folder);
  if (child.exitCode !== null || child.signalCode !== null) {
    console.log(`the server ended before it was asked to: ${(await child.ended).why}`);
    good = false;
  }
  await stop(child);
  if (!good) console.log(`last lines of the server's log (${serverLog}):\n${tail(serverLog)}`);
  return good;
}

async function main() {
  if (mode === '--extensions') return against('extensions', [], extensions);
  console.log('every result as a stream of events:');
  const streams = await against('streams', ['--streams', 'always'], (port, folder) => revisions(port, folder, EXPECTED));
  console.log('streams only where they are needed, which is what other servers of the crate do by default:');
  const json = await against('json', ['--streams', 'when-needed'], (port, folder) => revisions(port, folder, EXPECTED_JSON));
  const unknown = [...skips.keys()].filter((name) => !(name in EXPECTED) && name !== 'extension');
  unknown.forEach((name) => console.log(`skips.txt names a revision that is not run: ${name}`));
  return streams && json && unknown.length === 0;
}

const good = await main().catch((cause) => {
  console.error(cause.message);
  return false;
});
process.exit(good ? 0 : 1);
