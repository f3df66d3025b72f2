"""What every Python client asks of the echo server, whatever its generation, era and transport."""

import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

# The revision that a client of each era settles on with a server that speaks all of them.
REVISION = {"legacy": "2025-11-25", "modern": "2026-07-28"}

TOOLS = [
    "echo", "printHeader", "bearerDecode", "authContext", "requestTiming",
    "corsAnalysis", "environmentDump", "healthProbe", "whoIStheGOAT", "protocolInfo",
]
MESSAGE = "grüße 👋"
INVALID_PARAMS = -32602


@dataclass
class Target:
    """`ERA http URL` or `ERA stdio COMMAND ARGUMENT..`, as the command line has it."""

    era: str
    transport: str
    target: str
    args: list[str]


def read_arguments() -> Target:
    era, transport, target, *args = sys.argv[1:]
    if era not in REVISION or transport not in ("http", "stdio"):
        sys.exit("usage: legacy|modern http|stdio TARGET..")
    return Target(era, transport, target, args)


def require(holds: bool, what: str) -> None:
    """Like `assert`, but in force under every interpreter flag."""
    if not holds:
        raise SystemExit(what)


def text(result: Any, is_error: bool) -> str:
    require(not is_error, f"the tool answered with an error: {result.content}")
    require([item.type for item in result.content] == ["text"], f"not one text: {result.content}")
    return result.content[0].text


async def exercise(
    client: Any,
    era: str,
    negotiated: str | None,
    is_error: Callable[[Any], bool],
    next_cursor: Callable[[Any], str | None],
    error: type[Exception],
    error_code: Callable[[Any], int],
) -> None:
    """Lists and calls tools through a connected client; exits at the first thing that is not as it should be."""
    require(negotiated == REVISION[era], f"the client settled on {negotiated}, not {REVISION[era]}")

    page = await client.list_tools()
    names = [tool.name for tool in page.tools]
    while (cursor := next_cursor(page)) is not None:
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
    require(sorted(names) == sorted(TOOLS), f"the tools are {sorted(names)}")

    async def call(name: str, arguments: dict[str, Any]) -> str:
        result = await client.call_tool(name, arguments)
        return text(result, is_error(result))

    echoed = await call("echo", {"message": MESSAGE})
    require(echoed == MESSAGE, f"the echo of {MESSAGE!r} is {echoed!r}")

    await expect_invalid_params(client.call_tool("no-such-tool", {}), error, error_code)
    check_protocol_info(await call("protocolInfo", {}), era)


async def expect_invalid_params(call: Awaitable[Any], error: type[Exception], error_code: Callable[[Any], int]) -> None:
    """An unknown tool is a JSON-RPC error with the code of invalid parameters."""
    try:
        result = await call
    except error as refused:
        require(error_code(refused) == INVALID_PARAMS, f"an unknown tool gives the code {error_code(refused)}")
    else:
        require(False, f"an unknown tool gives a result: {result}")


def check_protocol_info(info: str, era: str) -> None:
    """One line names this request's revision, and no other; one line names its era."""
    lines = info.split("\n")
    revisions = [re.findall(r"\d{4}-\d\d-\d\d", line) for line in lines if re.search(r"\brevision\b", line, re.I)]
    require([REVISION[era]] in revisions, f"protocolInfo has no line that names the revision {REVISION[era]}:\n{info}")
    require(
        any(re.search(r"\bera\b", line, re.I) and era in line for line in lines),
        f"protocolInfo has no line that names the era {era}:\n{info}",
    )
