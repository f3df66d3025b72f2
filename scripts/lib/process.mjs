// Programs under test: started on a loopback port, waited for, and stopped by their own handle.

import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const running = new Set();

// Whatever ends this program ends what it started.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}

/** A loopback port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function start([command, ...args], log, options = {}) {
  const output = openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', output, output], ...options });
  closeSync(output);
  running.add(child);
  child.ended = new Promise((resolve) => {
    const end = (outcome) => {
      running.delete(child);
      resolve(outcome);
    };
    child.once('error', (cause) => end({ code: null, why: cause.message }));
    child.once('exit', (code, signal) => end({ code, why: signal ? `ended by ${signal}` : `exit code ${code}` }));
  });
  return child;
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Starts a server and returns once its port takes connections. */
export async function startServer(argv, { port, log, within = 30_000 }) {
  const child = start(argv, log);
  const deadline = Date.now() + within;
  let outcome;
  child.ended.then((end) => (outcome = end));
  while (Date.now() < deadline) {
    if (outcome) throw new Error(`${argv[0]} did not start: ${outcome.why}\n${tail(log)}`);
    if (await answers(port)) return child;
    await pause(50);
  }
  await stop(child);
  throw new Error(`${argv[0]} did not listen on port ${port} within ${within} ms\n${tail(log)}`);
}

/** Asks a program to stop, and insists after a while. Returns how it ended. */
export async function stop(child, grace = 15_000) {
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), grace);
  const outcome = await child.ended;
  clearTimeout(insist);
  return outcome;
}

/** Runs a program to its end. A program that takes too long is stopped, and that is a failure. */
export async function runToEnd(argv, { log, within, env }) {
  const child = start(argv, log, { env: { ...process.env, ...env } });
  let late = false;
  const alarm = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, within);
  const outcome = await child.ended;
  clearTimeout(alarm);
  return late ? { code: null, why: `not done within ${within} ms` } : outcome;
}

/** The last lines of a log file, for a message about a failure. */
export function tail(file, lines = 20) {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
