"""A request's body -> Signal: raw samples of the microphone, or a file in a form. Refuses early what is too large, keeps it in
memory alone, and lets in only as many requests at a time as memory allows."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import HTTPException, Request
from starlette.formparsers import MultiPartException, MultiPartParser

from voicecam import audio
from voicecam.audio import Signal
from voicecam.errors import AudioError
from voicecam.server.decoding import MOST_SECONDS, NAME, Decoder

MOST_BYTES = 20_000_000  # of an upload; 60 s of float samples at 48 kHz are 11.5 MB
FORM_BYTES = 10_000  # what a form adds around its file
MOST_AT_ONCE = 24  # requests let in; times MOST_BYTES this bounds the memory for bodies
PATIENCE_S = 30.0  # s for a body to come in
RATES = (8_000, 192_000)  # Hz, of raw samples


class RequestLimit:
    """Lets at most MOST_AT_ONCE requests in; the next ones are told to come back."""

    def __init__(self, places: int = MOST_AT_ONCE):
        self._free = places

    @asynccontextmanager
    async def pass_through(self) -> AsyncIterator[None]:
        """Hold a place. Raises HTTPException 503 where all are taken."""
        if not self._free:
            raise HTTPException(503, "too many recordings at once; try again in a moment", {"Retry-After": "2"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


async def receive(request: Request, rate: int | None, decoder: Decoder) -> Signal:
    """The recording in a request.

    rate : Hz of raw samples; None for a file in a form
    Raises AudioError for what is no sound, and HTTPException 408, 411, 413, 415 or 422 for a body that cannot be used.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("application/octet-stream", "multipart/form-data"):
        raise HTTPException(415, "send a form with a file (multipart/form-data), or raw samples (application/octet-stream)")
    try:
        async with asyncio.timeout(PATIENCE_S):
            body = await (_form_file(request) if kind == "multipart/form-data" else _whole(request))
    except TimeoutError:
        raise HTTPException(408, f"the recording did not arrive in {PATIENCE_S:.0f} s; try again") from None
    if kind == "multipart/form-data":
        return await asyncio.to_thread(decoder.decode, body)
    if rate is None:
        raise HTTPException(422, "raw samples need their rate in Hz: add ?rate=48000")
    return _raw(body, rate)


def _raw(body: bytes, rate: int) -> Signal:
    """Little-endian float32 samples as a Signal."""
    if len(body) % 4:
        raise AudioError(f"{NAME}: {len(body)} bytes are no whole number of float32 samples; send 4 bytes each")
    samples = np.frombuffer(body, dtype="<f4")
    if len(samples) > MOST_SECONDS * rate:
        raise AudioError(f"{NAME}: {len(samples) / rate:.0f} s of sound, {MOST_SECONDS:.0f} s are the most; cut it")
    return audio.from_samples(samples, rate, name=NAME)


async def _whole(request: Request) -> bytes:
    return b"".join([part async for part in _limited(request, MOST_BYTES)])


class _InMemory(MultiPartParser):
    """A form's parts, none of which goes to disk."""

    spool_max_size = MOST_BYTES + FORM_BYTES


async def _form_file(request: Request) -> bytes:
    """The bytes of the form's part "file"."""
    stream = _limited(request, MOST_BYTES + FORM_BYTES)
    try:
        form = await _InMemory(request.headers, stream, max_files=1, max_fields=8).parse()
    except (MultiPartException, KeyError):  # KeyError: no boundary
        raise HTTPException(422, 'not a form with one file; send multipart/form-data with the part "file"') from None
    part: Any = form.get("file")
    if not hasattr(part, "read"):
        raise HTTPException(422, 'the form has no file; send it as the part "file"')
    try:
        data = await part.read()
    finally:
        await form.close()
    if len(data) > MOST_BYTES:
        raise _too_large()
    return data


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body, part by part. Raises HTTPException 413 beyond `limit` bytes, said or sent."""
    said = request.headers.get("content-length")
    if said is not None and int(said) > limit:
        await _drain(request, 3 * limit if int(said) <= 3 * limit else 0)
        raise _too_large()
    total = 0
    async for part in request.stream():
        total += len(part)
        if total > limit:
            raise _too_large()
        yield part


async def _drain(request: Request, most: int) -> None:
    """Take in and drop what a client sends: it reads the answer only after that."""
    async for part in request.stream():
        most -= len(part)
        if most < 0:
            return


def _too_large() -> HTTPException:
    return HTTPException(413, f"larger than {MOST_BYTES // 1_000_000} MB; cut it or export it as FLAC or MP3")
