// What a finished run of the conformance suite is held to. The suite itself is content with a run
// that selected nothing, and with warnings; this is not.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Scenarios (exactly) and checks that succeed (at least), as the official suite 0.2.0-alpha.12 has them. */
export const EXPECTED = {
  '2025-03-26': { scenarios: 1, successes: 3 },
  '2025-06-18': { scenarios: 27, successes: 56 },
  '2025-11-25': { scenarios: 33, successes: 83 },
  '2026-07-28': { scenarios: 40, successes: 153 },
};

/**
 * The same where the server answers in JSON what needs no stream: the suite has then nothing to say about
 * `server-sse-streams-functional`, and says so as information.
 */
export const EXPECTED_JSON = {
  ...EXPECTED,
  '2026-07-28': { scenarios: 40, successes: 152 },
};

/** The same for the extension scenarios (`tasks-*`, `sep-2640-*`), each run by its name. */
export const EXPECTED_EXTENSION = { scenarios: 13, successes: 47 };

/** The checks of the authorization runner, each of which has to succeed once for every instance. */
export const EXPECTED_AUTHORIZATION = {
  'authorization-server-metadata-endpoint': ['authorization-server-metadata', 'authorization-server-metadata-cimd'],
  'authorization-code-grant': ['authorization-code-grant'],
};

const STATUSES = ['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO'];

/**
 * Reads `skips.txt`: `REVISION SCENARIO:CHECK-ID  REASON`, one a line, `#` before a remark.
 * Returns the entries by revision; a line that says no reason is an error.
 */
export function parseSkips(text) {
  const skips = new Map();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const entry = /^(\S+)\s+(\S+:\S+)\s+(\S.*)$/.exec(line);
    if (!entry) throw new Error(`skips.txt line ${index + 1}: not "REVISION SCENARIO:CHECK-ID  REASON"`);
    const [, revision, check, reason] = entry;
    if (!skips.has(revision)) skips.set(revision, new Map());
    if (skips.get(revision).has(check)) throw new Error(`skips.txt line ${index + 1}: ${check} is there twice`);
    skips.get(revision).set(check, reason);
  });
  return skips;
}

/** The checks of every scenario in a result folder: `KIND-SCENARIO-TIMESTAMP/checks.json`. */
export function readResults(folder, kind = 'server') {
  const pattern = new RegExp(`^${kind}-(.+)-\\d{4}-\\d{2}-\\d{2}T[\\dZ.-]+$`);
  const scenarios = new Map();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = pattern.exec(entry.name)?.[1];
    if (!entry.isDirectory() || !name) continue;
    // A scenario that broke off leaves its folder and no checks: it counts as one that decided nothing.
    const file = path.join(folder, entry.name, 'checks.json');
    const checks = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
    scenarios.set(name, [...(scenarios.get(name) ?? []), ...checks]);
  }
  return scenarios;
}

/**
 * Judges one revision's results.
 *
 * `skips` maps the checks that may be SKIPPED to a reason; the two sets must be equal, so that
 * neither a new skip nor one that no longer happens goes unseen.
 */
export function judge(revision, scenarios, expected, skips = new Map()) {
  const problems = [];
  const count = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  const skipped = new Set();

  for (const [scenario, checks] of scenarios) {
    let decided = 0;
    for (const check of checks) {
      const name = `${scenario}:${check.id}`;
      if (!STATUSES.includes(check.status)) {
        problems.push(`${name} has a status of its own: ${check.status}`);
        continue;
      }
      count[check.status] += 1;
      if (check.status !== 'INFO') decided += 1;
      if (check.status === 'SKIPPED') skipped.add(name);
      if (check.status === 'FAILURE' || check.status === 'WARNING') {
        problems.push(`${check.status} ${name}: ${check.errorMessage ?? check.description ?? ''}`);
      }
    }
    if (decided === 0) problems.push(`${scenario} decided nothing`);
  }

  if (scenarios.size !== expected.scenarios) {
    problems.push(`${scenarios.size} scenarios ran, not ${expected.scenarios}`);
  }
  if (count.SUCCESS < expected.successes) {
    problems.push(`${count.SUCCESS} checks succeeded, fewer than ${expected.successes}`);
  }
  for (const name of skipped) {
    if (!skips.has(name)) problems.push(`SKIPPED and not in skips.txt: ${revision} ${name}`);
  }
  for (const name of skips.keys()) {
    if (!skipped.has(name)) problems.push(`in skips.txt and not SKIPPED: ${revision} ${name}`);
  }

  const summary =
    `${revision}: ${scenarios.size} scenarios, ${count.SUCCESS} passed, ${count.FAILURE} failed, ` +
    `${count.WARNING} warnings, ${count.SKIPPED} skipped, ${count.INFO} info`;
  return { summary, problems };
}

/**
 * Judges one instance of the authorization server: exactly these scenarios, exactly these checks, each once and each a
 * success. There is nothing to skip.
 */
export function judgeAuthorization(instance, scenarios, expected = EXPECTED_AUTHORIZATION) {
  const problems = [];
  const count = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const [scenario, checks] of scenarios) {
    for (const check of checks) {
      count[check.status] = (count[check.status] ?? 0) + 1;
      if (check.status !== 'SUCCESS') {
        problems.push(`${check.status} ${scenario}:${check.id}: ${check.errorMessage ?? check.description ?? ''}`);
      }
    }
    const ids = checks.map((check) => check.id).sort();
    const wanted = [...(expected[scenario] ?? [])].sort();
    if (ids.join() !== wanted.join()) problems.push(`${scenario} has the checks [${ids}], not [${wanted}]`);
  }
  for (const scenario of Object.keys(expected)) {
    if (!scenarios.has(scenario)) problems.push(`${scenario} did not run`);
  }
  const summary =
    `${instance}: ${scenarios.size} scenarios, ${count.SUCCESS} passed, ${count.FAILURE} failed, ` +
    `${count.WARNING} warnings, ${count.SKIPPED} skipped`;
  return { summary, problems };
}
