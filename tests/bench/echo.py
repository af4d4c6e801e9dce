"""
`python -m tests.bench.echo`: an MLLP server that answers everything `AA` at once and does nothing with it.

Prints its port. Knows frames that are whole and well made, which is all that the measuring client sends.
"""

import asyncio
import sys

_START = b"\x0b"
_END = b"\x1c\r"
_CONTROL_ID = 9


class _Echo(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answer every frame that is whole."""
        *whole, self._held = (self._held + data).split(_END)
        for one in whole:
            control_id = one.split(b"|", _CONTROL_ID + 1)[_CONTROL_ID]
            said = b"MSH|^~\\&|||||||ACK|1|P|2.4\rMSA|AA|" + control_id + b"\r"
            self._transport.write(_START + said + _END)


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
