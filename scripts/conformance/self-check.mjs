// Proves that the judge and the preload can fail: fabricated results go in, the verdict is compared.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { forms } from '../lib/browser.mjs';
import { EXPECTED, EXPECTED_JSON, judge, judgeAuthorization, parseSkips, readResults } from './judge.mjs';

const expected = { scenarios: 3, successes: 4 };
const pass = (id) => ({ id, status: 'SUCCESS' });
const sound = {
  'tools-list': [pass('tools-list'), pass('wire-schema-valid')],
  'server-initialize': [pass('server-initialize'), { id: 'server-info', status: 'INFO' }],
  'json-schema-2020-12': [pass('found'), { id: 'newer-keywords', status: 'SKIPPED' }],
};
const skips = 'REV json-schema-2020-12:newer-keywords  the revision has no such keywords\n';

/** Writes the results as the suite does, and reads and judges them as the harness does. */
function verdict(results, skipText = skips) {
  const folder = mkdtempSync(path.join(tmpdir(), 'conformance-self-check-'));
  try {
    for (const [scenario, checks] of Object.entries(results)) {
      const place = path.join(folder, `server-${scenario}-2026-01-02T03-04-05-678Z`);
      mkdirSync(place);
      if (checks !== null) writeFileSync(path.join(place, 'checks.json'), JSON.stringify(checks));
    }
    return judge('REV', readResults(folder), expected, parseSkips(skipText).get('REV')).problems;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same for one instance of the authorization server. */
function authorizationVerdict(results) {
  const folder = mkdtempSync(path.join(tmpdir(), 'conformance-self-check-'));
  try {
    for (const [scenario, checks] of Object.entries(results)) {
      const place = path.join(folder, `authorization-server-${scenario}-2026-01-02T03-04-05-678Z`);
      mkdirSync(place);
      if (checks !== null) writeFileSync(path.join(place, 'checks.json'), JSON.stringify(checks));
    }
    return judgeAuthorization('it', readResults(folder, 'authorization-server')).problems.join('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const METADATA = 'authorization-server-metadata-endpoint';
const CODE = 'authorization-code-grant';
const soundAuthorization = {
  [METADATA]: [pass('authorization-server-metadata'), pass('authorization-server-metadata-cimd')],
  [CODE]: [pass('authorization-code-grant')],
};

// What the suite had when it was pinned. Run is what the judge's own tables name, so a revision that is missing there
// would go unseen, and so would a number that was lowered to make a run pass.
const pinned = {
  '2025-03-26': [1, 3],
  '2025-06-18': [27, 56],
  '2025-11-25': [33, 83],
  '2026-07-28': [40, 153],
};
const isPinned = (table, least) => {
  assert.deepEqual(Object.keys(table).sort(), Object.keys(least).sort());
  for (const [revision, [scenarios, successes]] of Object.entries(least)) {
    assert.ok(table[revision].scenarios >= scenarios, `${revision}: ${table[revision].scenarios} scenarios`);
    assert.ok(table[revision].successes >= successes, `${revision}: ${table[revision].successes} successes`);
  }
};

const cases = {
  'all revisions are run, with all that they had': () => isPinned(EXPECTED, pinned),
  'so they are where the server answers in JSON, but for one check': () =>
    isPinned(EXPECTED_JSON, { ...pinned, '2026-07-28': [40, 152] }),
  'a sound run passes': () => assert.deepEqual(verdict(sound), []),
  'an empty run fails': () => assert.match(verdict({}).join('\n'), /0 scenarios ran, not 3/),
  'a missing scenario fails': () => {
    const { 'tools-list': _, ...rest } = sound;
    assert.match(verdict(rest).join('\n'), /2 scenarios ran, not 3/);
  },
  'a scenario too many fails': () =>
    assert.match(verdict({ ...sound, more: [pass('more')] }).join('\n'), /4 scenarios ran, not 3/),
  'a shrunken scenario fails': () =>
    assert.match(verdict({ ...sound, 'tools-list': [pass('tools-list')] }).join('\n'), /3 checks succeeded, fewer than 4/),
  'a scenario without checks fails': () =>
    assert.match(verdict({ ...sound, 'server-initialize': [] }).join('\n'), /server-initialize decided nothing/),
  'a scenario that broke off fails': () =>
    assert.match(verdict({ ...sound, 'server-initialize': null }).join('\n'), /server-initialize decided nothing/),
  'a scenario with information only fails': () =>
    assert.match(
      verdict({ ...sound, 'server-initialize': [{ id: 'server-info', status: 'INFO' }] }).join('\n'),
      /server-initialize decided nothing/,
    ),
  'a FAILURE fails': () =>
    assert.match(
      verdict({ ...sound, 'tools-list': [...sound['tools-list'], { id: 'x', status: 'FAILURE' }] }).join('\n'),
      /FAILURE tools-list:x/,
    ),
  'a WARNING fails': () =>
    assert.match(
      verdict({ ...sound, 'tools-list': [...sound['tools-list'], { id: 'x', status: 'WARNING' }] }).join('\n'),
      /WARNING tools-list:x/,
    ),
  'a status that nobody knows fails': () =>
    assert.match(
      verdict({ ...sound, 'tools-list': [...sound['tools-list'], { id: 'x', status: 'MAYBE' }] }).join('\n'),
      /tools-list:x has a status of its own/,
    ),
  'an unexpected SKIPPED fails': () =>
    assert.match(verdict(sound, '').join('\n'), /SKIPPED and not in skips.txt: REV json-schema-2020-12:newer-keywords/),
  'a stale skip fails': () =>
    assert.match(verdict(sound, `${skips}REV ping:ping  was needed once\n`).join('\n'), /in skips.txt and not SKIPPED: REV ping:ping/),
  'a skip without a reason fails': () => assert.throws(() => verdict(sound, 'REV ping:ping\n'), /line 1/),
  'a skip of another revision does not count': () =>
    assert.equal(verdict(sound, skips.replace('REV', 'OTHER')).length, 1),
  'a sound authorization run passes': () => assert.equal(authorizationVerdict(soundAuthorization), ''),
  'an empty authorization run fails': () => assert.match(authorizationVerdict({}), /did not run[^]*did not run/),
  'a missing authorization scenario fails': () => {
    const { [CODE]: _, ...rest } = soundAuthorization;
    assert.match(authorizationVerdict(rest), /authorization-code-grant did not run/);
  },
  'an authorization scenario too many fails': () =>
    assert.match(authorizationVerdict({ ...soundAuthorization, more: [pass('more')] }), /more has the checks \[more\], not \[\]/),
  'a missing authorization check fails': () =>
    assert.match(
      authorizationVerdict({ ...soundAuthorization, [METADATA]: [pass('authorization-server-metadata')] }),
      /has the checks \[authorization-server-metadata\], not/,
    ),
  'a check that is there twice fails': () =>
    assert.match(
      authorizationVerdict({ ...soundAuthorization, [CODE]: [pass('authorization-code-grant'), pass('authorization-code-grant')] }),
      /has the checks/,
    ),
  'an authorization scenario that broke off fails': () =>
    assert.match(authorizationVerdict({ ...soundAuthorization, [CODE]: null }), /has the checks \[\], not/),
  'an authorization check that is no success fails': () => {
    for (const status of ['FAILURE', 'WARNING', 'SKIPPED', 'INFO', 'MAYBE']) {
      const results = { ...soundAuthorization, [CODE]: [{ id: 'authorization-code-grant', status }] };
      assert.match(authorizationVerdict(results), new RegExp(`${status} authorization-code-grant:`));
    }
  },
  'the browser reads forms': () =>
    assert.deepEqual(
      forms('<form method="post" action="/a?b=1&amp;c=2"><input type="hidden" name="t" value="&quot;&lt;x"><button name="d" value="y">'),
      [
        {
          action: '/a?b=1&c=2',
          method: 'post',
          fields: [
            { type: 'hidden', name: 't', value: '"<x' },
            { name: 'd', value: 'y' },
          ],
        },
      ],
    ),
  'the preload binds loopback at once': () => {
    const program = `
      const server = require('node:net').createServer().listen(0);
      process.stdout.write(server.address().address);
      server.close();`;
    const preload = path.join(import.meta.dirname, 'loopback.cjs');
    assert.equal(execFileSync(process.execPath, ['--require', preload, '-e', program], { encoding: 'utf8' }), '127.0.0.1');
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    run();
  } catch (cause) {
    failed += 1;
    console.error(`self-check failed: ${name}\n${cause.message}`);
  }
}
console.log(`conformance self-check: ${Object.keys(cases).length - failed} of ${Object.keys(cases).length} cases hold`);
process.exit(failed === 0 ? 0 : 1);
