"""Fuzzing: bytes changed at random go to the reader of sound files, to the upload's form, and to the readers of stored JSON. Each
may refuse with its own error and do nothing else. With atheris installed inputs follow the code they reach, and what reached
something new is kept in cache/fuzz/; else chance alone."""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rows import Row, finish

ROOT = Path(__file__).parent.parent
COMMAND = "python torture/fuzz.py"
MOST = 4_096  # bytes of an input
INPUTS = {"container": 3_300_000, "json": 1_500_000, "upload": 300_000, "reader": 15_000}  # 5.1 million, for atheris
BY_CHANCE = 20  # so many times fewer where atheris is not installed
SECONDS = 900  # at most for each target
CORPUS = ROOT / "cache" / "fuzz"  # inputs that reached something new; the next time begins with them
ATHERIS = importlib.util.find_spec("atheris") is not None


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=list(INPUTS), help="one target in this process, for the others that are started")
    parser.add_argument("--only", nargs="+", choices=list(INPUTS), default=list(INPUTS), help="which targets, two at a time")
    parser.add_argument("--seconds", type=float, help="for each target, in the place of a number of inputs")
    parser.add_argument("--seed", type=int, default=0, help="of the changes")
    parser.add_argument("--plain", action="store_true", help="by chance alone, also where atheris is installed")
    args = parser.parse_args()
    if args.target:
        return run_target(args.target, args.seconds, args.seed, plain=args.plain)
    with ThreadPoolExecutor(2) as pool:
        rows = pool.map(lambda name: fuzzed(name, args.seconds, args.seed, plain=args.plain), args.only)
        return finish("fuzz", rows, keep=args.seconds is None)


def fuzzed(name: str, seconds: float | None, seed: int, *, plain: bool) -> Row:
    """One target in a process of its own: one that a library brings down is found too."""
    argv = [sys.executable, __file__, "--target", name, "--seed", str(seed), *(["--seconds", str(seconds)] if seconds else [])]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run(
            [*argv, *["--plain"] * plain], capture_output=True, text=True, errors="replace", cwd=folder, check=False
        )
        kept = [f"{path.name}: {path.read_bytes()[:100]!r}" for path in Path(folder).iterdir()]
    counts = re.findall(r"(?:number_of_executed_units: +|inputs: )(\d+)", found.stderr + found.stdout)
    tried = int(counts[-1]) if counts else 0
    falls = [] if found.returncode == 0 and tried else [f"status {found.returncode}: {found.stderr[-1500:]}", *kept]
    if not seconds and tried < wanted(name, plain=plain):
        falls.append(f"{tried:,} of {wanted(name, plain=plain):,} inputs in {SECONDS} s")
    engine = "atheris" if ATHERIS and not plain else "changes by chance"
    took = f"{engine}, {time.monotonic() - begun:.0f} s, nothing but refusals"
    return Row(f"fuzzing: {WORDS[name]}", tried, took, f"{COMMAND} --only {name}", falls)


def wanted(name: str, *, plain: bool) -> int:
    """How many inputs a target gets."""
    return INPUTS[name] // (1 if ATHERIS and not plain else BY_CHANCE)


WORDS = {
    "container": "the kind and length of a sound file",
    "reader": "the reader of sound files",
    "upload": "the form of an upload",
    "json": "the readers of stored JSON",
}


def seeds(name: str) -> list[bytes]:
    """What the changes start from."""
    if name == "json":
        from voicecam.config import SHIPPED_MODEL

        meta = json.loads((SHIPPED_MODEL / "meta.json").read_text())
        meta["meta"] = {key: value for key, value in meta["meta"].items() if key in ("temperature", "threshold", "corpora")}
        one = {"format": 3, "corpus": "c", "root": "r", "matrices": None, "note": "", "repairs": [], "folds": {}}
        entry = {"image": "a.png", "low": -1.0, "high": 1.0, "speaker": "s", "labels": {"gender": "male"}, "fingerprint": ""}
        whole = {**one, "config": meta["config"], "config_hash": "x", "complete": True, "entries": {"a.wav": entry}}
        return [json.dumps(value).encode() for value in (meta, whole, {"settings": {"map": "m", "label": "x"}})]
    if name == "upload":
        part = b'--q\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc\r\n--q--\r\n'
        return [part, part.replace(b"file", b"other"), part[:-8], part * 3, b"--q--\r\n"]
    import soundfile as sf
    from odd import encoded
    from odd import plain as voice
    from zoo_formats import READ

    short = voice()[8_000:8_800]
    return [encoded(short, format=kind, subtype=sf.default_subtype(kind)) for kind in READ]


def target(name: str) -> Callable[[bytes], None]:
    """The function that takes an input, and raises what is a bug."""
    return {"container": _container, "reader": _reader, "upload": _upload, "json": _json}[name]()


def one_line(reason: Exception) -> None:
    """Raise ValueError for a reason of several lines."""
    if "\n" in str(reason):
        raise ValueError(f"several lines: {reason}")


def _container() -> Callable[[bytes], None]:
    import io

    from voicecam.audio.containers import counts_its_frames, kind_of, missing_bytes

    def one(data: bytes) -> None:
        file = io.BytesIO(data)
        kind = kind_of(file)
        if kind is not None:
            assert missing_bytes(file, kind) >= 0
            counts_its_frames(file)
            assert file.tell() == 0

    return one


def _reader() -> Callable[[bytes], None]:
    import numpy as np

    from voicecam import audio
    from voicecam.audio import Limits
    from voicecam.errors import AudioError

    limits = Limits(seconds=60, samples=2_000_000)

    def one(data: bytes) -> None:
        try:
            found = audio.read_bytes(data, limits=limits)
        except AudioError as reason:
            one_line(reason)
        else:
            assert len(found.samples)
            assert np.isfinite(found.samples).all()

    return one


def _upload() -> Callable[[bytes], None]:
    from fastapi import HTTPException, Request

    from voicecam.errors import AudioError
    from voicecam.server.uploads import receive

    class Echo:
        def decode(self, data: bytes) -> bytes:
            return data

    async def asked(data: bytes) -> None:
        parts = [data[:50], data[50:]]

        async def more() -> dict:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        head = [(b"content-type", b"multipart/form-data; boundary=q")]
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": head}
        with contextlib.suppress(HTTPException, AudioError):
            await receive(Request(scope, more), None, Echo())  # type: ignore[arg-type]

    loop = asyncio.new_event_loop()
    return lambda data: loop.run_until_complete(asked(data))


def _json() -> Callable[[bytes], None]:
    from voicecam.data.map_file import read_map
    from voicecam.errors import VoicecamError
    from voicecam.network.meta_checks import check_meta, stored_config, stored_scale
    from voicecam.runs.folder import open_run

    path, held = Path("run") / "held.json", [b""]
    real = Path.read_text, Path.exists

    def text(self: Path, encoding: str | None = None) -> str:
        return held[0].decode("utf-8") if self.suffix == ".json" and self.parent.name == "run" else real[0](self, encoding)

    # the bytes need no disk, which is slow
    Path.read_text, Path.exists = text, lambda self: self.parent.name == "run" or real[1](self)  # type: ignore[method-assign, assignment]

    def one(data: bytes) -> None:
        held[0] = data
        for read in (read_map, lambda path: open_run(path.parent), _meta):
            with contextlib.suppress(VoicecamError):
                read(path)

    def _meta(path: Path) -> None:
        from voicecam.files import read_json

        meta = read_json(path)
        if isinstance(meta, dict):
            check_meta(path, meta)
            stored_scale(path, meta["scale"], stored_config(path, meta["config"]))

    return one


def run_target(name: str, seconds: float | None, seed: int, *, plain: bool) -> int:
    """Fuzz one target in this process."""
    if ATHERIS and not plain:
        import atheris

        with atheris.instrument_imports(include=["voicecam", "python_multipart", "starlette.formparsers"]):
            take = target(name)
        place = Path(tempfile.mkdtemp()) if seconds else CORPUS / name
        place.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(seeds(name)):
            (place / f"seed-{number}").write_bytes(data)
        options = [
            f"-max_total_time={seconds or SECONDS:.0f}",
            *([] if seconds else [f"-runs={INPUTS[name]}"]),
            "-print_final_stats=1",
            f"-max_len={MOST}",
            f"-seed={seed + 1}",
            "-timeout=60",
        ]
        atheris.Setup([sys.argv[0], *options, str(place)], take)
        atheris.Fuzz()
        return 0
    take, chance, known, n = target(name), random.Random(seed), seeds(name), 0
    most, until = sys.maxsize if seconds else wanted(name, plain=True), time.monotonic() + (seconds or SECONDS)
    while n < most and time.monotonic() < until:
        data = changed(chance.choice(known), chance)
        n += 1
        try:
            take(data)
        except Exception:
            Path("fell").write_bytes(data)
            raise
    print(f"inputs: {n}")
    return 0


def changed(data: bytes, chance: random.Random) -> bytes:
    """The bytes with some of them changed, taken out, doubled or cut off."""
    found = bytearray(data[:MOST])
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at, size = chance.randrange(len(found) + 1), chance.choice((1, 1, 2, 4, 8, 64))
        kind = chance.randrange(5)
        if kind == 0:
            found[at : at + size] = chance.randbytes(size)
        elif kind == 1:
            del found[at : at + size]
        elif kind == 2:
            found[at:at] = found[at : at + size]
        elif kind == 3:
            found[at : at + size] = chance.choice((b"\0", b"\xff", b"\x7f", b"9", b'"', b"[")) * size
        else:
            del found[at + 64 :]
    return bytes(found)


if __name__ == "__main__":
    sys.exit(main())
