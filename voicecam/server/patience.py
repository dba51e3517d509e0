"""How long a connection may take, and how large its headers may be: uvicorn's HTTP with deadlines. Knows no request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 10.0  # s from the connection, or the last answer, to the end of a request's headers
REQUEST_S = 180.0  # s from there until the answer is taken in: a body has 30, an analysis 60, the rest is for slow lines
HEADER_BYTES = 16_384  # of a request's line and headers
MOST_CONNECTIONS = 200  # open at once; the next ones are told to come back
SETTINGS: dict[str, Any] = {
    "h11_max_incomplete_event_size": HEADER_BYTES,
    "limit_concurrency": MOST_CONNECTIONS,
    "timeout_keep_alive": 5,
    "timeout_graceful_shutdown": 3,
    "server_header": False,
    "log_level": "error",
}


class PatientProtocol(H11Protocol):
    """A connection that is closed where nothing comes, where headers or a body drip in, or where an answer is not taken."""

    headers_s, request_s = HEADERS_S, REQUEST_S
    _deadline: asyncio.TimerHandle | None = None
    _waits = True  # for a request's headers

    def connection_made(self, transport: Any) -> None:
        """A new connection: its headers are awaited."""
        super().connection_made(transport)
        self._start(waits=True)

    def data_received(self, data: bytes) -> None:
        """Bytes: where they end a request's headers, its answer has its own time."""
        super().data_received(data)
        if self._waits and self.cycle is not None and not self.cycle.response_complete:
            self._start(waits=False)

    def on_response_complete(self) -> None:
        """An answer is out: the next headers are awaited."""
        super().on_response_complete()
        self._start(waits=True)
        if self.cycle is not None and not self.cycle.response_complete:  # the next request was there already
            self._start(waits=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def _start(self, *, waits: bool) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._waits = waits
        self._deadline = self.loop.call_later(self.headers_s if waits else self.request_s, self.transport.abort)
