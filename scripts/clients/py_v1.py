"""The Python SDK of the first generation: the `initialize` handshake only."""

import asyncio
from contextlib import asynccontextmanager

from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from checks import Target, exercise, read_arguments, require


@asynccontextmanager
async def connected(target: Target):
    if target.transport == "http":
        async with streamable_http_client(target.target) as (read, write, _session_id):
            yield read, write
    else:
        async with stdio_client(StdioServerParameters(command=target.target, args=target.args)) as (read, write):
            yield read, write


async def main() -> None:
    target = read_arguments()
    require(target.era == "legacy", "this SDK speaks the legacy era only")
    async with connected(target) as (read, write), ClientSession(read, write) as session:
        initialized = await session.initialize()
        await exercise(
            session,
            target.era,
            initialized.protocolVersion,
            is_error=lambda result: result.isError,
            next_cursor=lambda page: page.nextCursor,
            error=McpError,
            error_code=lambda refused: refused.error.code,
        )


asyncio.run(main())
