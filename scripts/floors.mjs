// What the compiler does not see of the architecture: who may depend on whom, on which floor, and
// that every feature builds without the others. ARCHITECTURE.md says why.

import { execFileSync } from 'node:child_process';

/** Imports point down only: packages that must not appear in what another is built from. */
const BANS = [
  {
    package: 'mcp-transport',
    features: ['--no-default-features'],
    banned: ['tokio', 'tokio-util', 'hyper', 'hyper-util', 'ring', 'rustls', 'tokio-rustls', 'openssl'],
    why: 'floor 0 has no runtime, no HTTP implementation and no cryptography',
  },
  {
    package: 'mcp-transport',
    features: ['--all-features'],
    banned: ['mcp-server-kit', 'mcp-oauth', 'openssl', 'josekit'],
    why: 'the wire knows neither the kit nor OAuth beyond the guard',
  },
  { package: 'mcp-server-kit', features: ['--all-features'], banned: ['mcp-oauth', 'josekit'], why: 'a server author brings no authorization server' },
  {
    package: 'mcp-server-kit',
    features: ['--all-features'],
    banned: ['hyper', 'hyper-util', 'h2', 'rustls', 'tokio-rustls', 'tokio-util'],
    why: 'the kit knows no transport',
  },
  { package: 'mcp-oauth', features: ['--all-features'], banned: ['mcp-server-kit'], why: 'OAuth knows no tools' },
];

/** Dependencies between members that must leave the default features off. */
const WITHOUT_DEFAULTS = [{ from: 'mcp-oauth', to: 'mcp-transport' }];

function cargo(...args) {
  return execFileSync('cargo', args, { encoding: 'utf8', maxBuffer: 256 << 20, stdio: ['ignore', 'pipe', 'inherit'] });
}

const metadata = JSON.parse(cargo('metadata', '--locked', '--format-version', '1'));
const members = metadata.packages.filter((item) => metadata.workspace_members.includes(item.id));
const problems = [];
const complain = (problem) => {
  problems.push(problem);
  console.log(`  ${problem}`);
};

console.log('who depends on whom');
for (const { package: name, features, banned, why } of BANS) {
  const tree = cargo('tree', '--locked', '-p', name, '-e', 'normal,build', '--target', 'all', '--prefix', 'none', '--format', '{p}', ...features);
  const names = new Set(tree.split('\n').map((line) => line.split(' ')[0]));
  if (!names.has(name)) complain(`cargo tree shows nothing for ${name}`);
  for (const item of banned.filter((item) => names.has(item))) {
    complain(`${name} ${features.join(' ')} depends on ${item}: ${why}`);
  }
}
for (const { from, to } of WITHOUT_DEFAULTS) {
  const found = members.find((item) => item.name === from)?.dependencies.filter((item) => item.name === to) ?? [];
  for (const item of found.filter((item) => item.uses_default_features && item.kind !== 'dev')) {
    complain(`${from} must depend on ${item.name} with default features off`);
  }
}

console.log('no dependency above our rust-version');
const order = (version) => version.split('.').map(Number).concat(0, 0).slice(0, 3);
const above = (a, b) => {
  const [left, right] = [order(a), order(b)];
  const index = left.findIndex((part, place) => part !== right[place]);
  return index >= 0 && left[index] > right[index];
};
const [ours, ...others] = new Set(members.map((item) => item.rust_version));
if (!ours || others.length > 0) complain('every member must have the rust-version of the workspace');
for (const item of metadata.packages) {
  if (ours && item.rust_version && above(item.rust_version, ours)) {
    complain(`${item.name} ${item.version} needs Rust ${item.rust_version}, above ${ours}`);
  }
}

console.log('every feature on its own, none, and all');
for (const member of members) {
  const features = Object.keys(member.features).filter((item) => item !== 'default');
  if (features.length === 0) continue;
  const sets = [[], ...features.map((item) => ['--features', item])].map((set) => ['--no-default-features', ...set]);
  for (const set of [...sets, ['--all-features']]) {
    try {
      // Clippy with warnings denied: a half that is dead without the other shows here and nowhere else.
      cargo('clippy', '--locked', '--quiet', '-p', member.name, '--lib', ...set, '--', '-D', 'warnings');
      console.log(`  ${member.name} ${set.join(' ')}`);
    } catch {
      complain(`${member.name} ${set.join(' ')} does not build cleanly`);
    }
  }
}

process.exit(problems.length === 0 ? 0 : 1);
