"""The Python SDK of the second generation: modern by default, legacy when told."""

import asyncio

from mcp import MCPError, StdioServerParameters
from mcp.client.client import Client

from checks import exercise, read_arguments


async def main() -> None:
    target = read_arguments()
    server = (
        target.target
        if target.transport == "http"
        else StdioServerParameters(command=target.target, args=target.args)
    )
    async with Client(server, mode="legacy" if target.era == "legacy" else "auto") as client:
        await exercise(
            client,
            target.era,
            client.protocol_version,
            is_error=lambda result: result.is_error,
            next_cursor=lambda page: page.next_cursor,
            error=MCPError,
            error_code=lambda refused: refused.code,
        )


asyncio.run(main())
