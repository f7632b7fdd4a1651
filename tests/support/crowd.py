"""Many sockets of one process: `python -m tests.support.crowd PORT COUNT` opens COUNT WebSockets.

None of them ever says anything. When all have ended, one line of JSON counts how: by close code, or
by the HTTP status of a handshake that was refused.
"""

import asyncio
import json
import sys
from collections import Counter

# As many as the server's backlog takes without dropping.
AT_ONCE = 100
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def silent(port: int, opening: asyncio.Semaphore) -> str:
    """One WebSocket that waits for its end."""
    async with opening:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE)
        head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(None, 2)[1].decode()
    # A close frame: FIN and opcode 8, its length, the code in two bytes (RFC 6455, 5.5.1).
    rest = await reader.read(4)
    writer.close()
    if status != "101":
        return status
    return str(int.from_bytes(rest[2:4], "big")) if rest[:1] == b"\x88" else "none"


async def main(port: int, count: int) -> None:
    opening = asyncio.Semaphore(AT_ONCE)
    ends = await asyncio.gather(*(silent(port, opening) for _ in range(count)))
    print(json.dumps(Counter(ends)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
