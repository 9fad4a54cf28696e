"""HTTP connections that end: who does not finish asking, or does not take what was asked for, is cut off.

uvicorn has a limit for what is idle between two requests alone.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

ASKING = 15.0  # seconds from a request's first byte to the end of its headers
TAKING = 30.0  # seconds in which a client has to take what is in the way: 48 KiB, so 1.6 KiB a second
AT_ONCE = 512  # connections and requests; beyond, 503


class PatientProtocol(H11Protocol):
    """uvicorn's protocol with a limit on how long a request may take to come, and an answer to go."""

    asking, taking = ASKING, TAKING

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked: asyncio.TimerHandle | None = None
        self._taken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A request is due from now on."""
        super().connection_made(transport)
        # headers and body are two writes: the second would wait 40 ms for the client's word on the first. asyncio knows
        # that, but not of sockets that others have opened
        one = transport.get_extra_info("socket")
        if one is not None and one.family in (socket.AF_INET, socket.AF_INET6):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked = self.loop.call_later(self.asking, self._cut)

    def data_received(self, data: bytes) -> None:
        """Whole headers make a cycle of request and answer; until then the clock goes on."""
        before = self.cycle
        if self._asked is None and (before is None or before.response_complete):
            self._asked = self.loop.call_later(self.asking, self._cut)
        super().data_received(data)
        if self.cycle is not before:
            _stop(self._asked)
            self._asked = None

    def pause_writing(self) -> None:
        """What the client does not take has filled the buffer."""
        super().pause_writing()
        self._taken = self.loop.call_later(self.taking, self._reset)

    def resume_writing(self) -> None:
        """It took some of it."""
        _stop(self._taken)
        self._taken = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """No clock outlives its connection."""
        _stop(self._asked)
        _stop(self._taken)
        super().connection_lost(exc)

    def _reset(self) -> None:
        # else the kernel keeps what is not taken for minutes, megabytes each, and the client does not hear of the end
        one = self.transport.get_extra_info("socket")
        if one is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._cut()

    def _cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()  # `close` would wait for what nobody takes


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
