// Runs the suite's authorization scenarios against instances of mcp-auth that it starts, with a scripted user between,
// and judges the results. Usage: run-authorization.mjs MCP-AUTH OUTPUT-FOLDER

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort, runToEnd, startServer, stop, tail } from '../lib/process.mjs';
import { Browser, allow, ownerCode } from '../lib/browser.mjs';
import { judgeAuthorization, readResults } from './judge.mjs';

const SUITE = path.join(import.meta.dirname, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const RUN_LIMIT_MS = 120_000;
const RESOURCE = 'https://mcp.example/mcp';
const PASSWORD = 'correct horse battery staple';

const [server, output] = process.argv.slice(2);
rmSync(output, { recursive: true, force: true });

/** What each instance takes. The suite chooses how to authenticate by what the metadata lists. */
const INSTANCES = [
  { name: 'public', method: 'none', methods: 'none,private_key_jwt', user: 'owner', resource: undefined },
  { name: 'post', method: 'client_secret_post', methods: 'client_secret_post', user: 'ada', resource: RESOURCE },
  { name: 'basic', method: 'client_secret_basic', methods: 'client_secret_basic', user: 'ada', resource: RESOURCE },
];

/** Runs a command of administration and returns what it printed. */
function administer(args, input = '') {
  return execFileSync(server, args, { encoding: 'utf8', input, timeout: 60_000 });
}

/** The link that the suite prints for a person to open. */
async function link(log, issuer, finished) {
  let over = false;
  finished.then(() => (over = true));
  while (!over) {
    const found = existsSync(log) && readFileSync(log, 'utf8').split('\n').find((line) => line.startsWith(`${issuer}/authorize?`));
    if (found) return found.trim();
    await pause(50);
  }
  throw new Error('the suite ended without a link to open');
}

/** Lets the user decide, and follows the way back to the client. */
async function visit(url, user, data) {
  const back = await allow(url, () => (user === 'owner' ? ownerCode(data) : { username: user, password: PASSWORD }));
  const { status } = await new Browser().open(back);
  if (status !== 200) throw new Error(`the client answers ${status}`);
}

async function instance({ name, method, methods, user, resource }) {
  const folder = path.join(output, name);
  const [data, results] = [path.join(folder, 'data'), path.join(folder, 'results')];
  mkdirSync(results, { recursive: true });
  const [port, callback] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const place = ['--data', data];
  const users = path.join(folder, 'users');
  const signIn = user === 'owner' ? [] : ['--users-file', users];
  if (user !== 'owner') administer([...signIn, 'users', 'add', user], `${PASSWORD}\n`);
  const client = ['clients', 'add', '--client-id', name, '--name', 'Conformance', '--auth-method', method];
  const add = () => JSON.parse(administer([...place, ...client, '--redirect-uri', `http://127.0.0.1:${callback}/callback`]));
  // Once without a server, twice through the socket of the running one.
  let registered = user === 'owner' ? add() : undefined;
  const log = path.join(folder, 'server.log');
  const flags = ['--listen', `127.0.0.1:${port}`, '--resource', RESOURCE, '--client-auth-methods', methods];
  const child = await startServer([server, ...place, ...signIn, ...flags], { port, log });
  registered ??= add();

  const suiteLog = path.join(folder, 'suite.log');
  const argv = [process.execPath, SUITE, 'authorization', '--url', issuer, '--client-id', name, '-p', String(callback), '-o', results];
  if (registered.client_secret) argv.push('--client-secret', registered.client_secret);
  if (resource) argv.push('--resource', resource);
  const finished = runToEnd(argv, { log: suiteLog, within: RUN_LIMIT_MS });
  const problems = [];
  const driven = link(suiteLog, issuer, finished).then((url) => visit(url, user, data));
  await driven.catch((cause) => problems.push(`the user gave up: ${cause.message}`));
  // Without a user the suite waits for five minutes.
  const outcome = problems.length > 0 ? await Promise.race([finished, pause(1000, { code: null, why: 'nobody to wait for' })]) : await finished;
  if (outcome.code !== 0) problems.push(`the suite ended with ${outcome.why}; its output is in ${suiteLog}`);
  if (child.exitCode !== null || child.signalCode !== null) problems.push('the server ended before it was asked to');
  const ended = await stop(child);
  if (ended.code !== 0) problems.push(`the server did not stop as it was asked to: ${ended.why}`);

  const verdict = judgeAuthorization(name, readResults(results, 'authorization-server'));
  problems.push(...verdict.problems);
  console.log(verdict.summary);
  problems.forEach((problem) => console.log(`  ${problem}`));
  if (problems.length > 0) console.log(`last lines of the server's log (${log}):\n${tail(log)}`);
  return problems.length === 0;
}

let good = true;
for (const each of INSTANCES) {
  const passed = await instance(each).catch((cause) => {
    console.error(`${each.name}: ${cause.message}`);
    return false;
  });
  good = passed && good;
}
process.exit(good ? 0 : 1);
