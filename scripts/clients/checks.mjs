// What every TypeScript client asks of the echo server, whatever its generation, era and transport.

import assert from 'node:assert/strict';

export const CLIENT = { name: 'mcp-echo-real-clients', version: '1.0.0' };

/** The revision that a client of each era settles on with a server that speaks all of them. */
export const REVISION = { legacy: '2025-11-25', modern: '2026-07-28' };

const TOOLS = [
  'echo', 'printHeader', 'bearerDecode', 'authContext', 'requestTiming',
  'corsAnalysis', 'environmentDump', 'healthProbe', 'whoIStheGOAT', 'protocolInfo',
];
const MESSAGE = 'grüße 👋';
const INVALID_PARAMS = -32602;

/** Reads `ERA http URL` or `ERA stdio COMMAND ARGUMENT..` from the command line. */
export function readArguments() {
  const [era, transport, target, ...args] = process.argv.slice(2);
  assert(era in REVISION && ['http', 'stdio'].includes(transport) && target, 'usage: legacy|modern http|stdio TARGET..');
  return { era, transport, target, args };
}

function text(result) {
  assert(!result.isError, `the tool answered with an error: ${JSON.stringify(result.content)}`);
  assert.deepEqual(result.content.map((item) => item.type), ['text']);
  return result.content[0].text;
}

/** Lists and calls tools through a connected client; throws at the first thing that is not as it should be. */
export async function exercise(client, era, negotiated) {
  assert.equal(negotiated, REVISION[era], 'the revision that the client settled on');

  const names = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    names.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assert.deepEqual(names.toSorted(), TOOLS.toSorted());

  assert.equal(text(await client.callTool({ name: 'echo', arguments: { message: MESSAGE } })), MESSAGE);

  await assert.rejects(
    client.callTool({ name: 'no-such-tool', arguments: {} }),
    (error) => error.code === INVALID_PARAMS,
    'an unknown tool is a JSON-RPC error with the code of invalid parameters',
  );

  checkProtocolInfo(text(await client.callTool({ name: 'protocolInfo', arguments: {} })), era);
}

/** One line names this request's revision, and no other; one line names its era. */
function checkProtocolInfo(info, era) {
  const lines = info.split('\n');
  const revisions = lines.filter((line) => /\brevision\b/i.test(line)).map((line) => line.match(/\d{4}-\d\d-\d\d/g) ?? []);
  assert(
    revisions.some((dates) => dates.length === 1 && dates[0] === REVISION[era]),
    `protocolInfo has no line that names the revision ${REVISION[era]}:\n${info}`,
  );
  assert(
    lines.some((line) => /\bera\b/i.test(line) && line.includes(era)),
    `protocolInfo has no line that names the era ${era}:\n${info}`,
  );
}
