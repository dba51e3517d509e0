"""The web server's speed and steadiness: milliseconds from the end of a recording to prediction and map, for one person and for
20 at once, and the server's memory before and after."""

import http.client
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soxr

from voicecam.corpora.espeak import RATE as ESPEAK_RATE
from voicecam.corpora.espeak import Word, speak

ROOT = Path(__file__).parent.parent
RATE = 48_000  # Hz; what browsers record at
SECONDS = 3.0  # of each recording
ALONE = 60  # recordings of one person, one after another
CLIENTS, EACH = 20, 25
PORT = 8766


def main() -> None:
    """Start the server, measure, print."""
    recording = spoken()
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "serve.py"), "--port", str(PORT)], stdout=subprocess.DEVNULL
    )
    try:
        wait()
        report(f"one person, {SECONDS:g} s at {RATE // 1000} kHz", [times(recording, ALONE)])
        crowd(recording)  # memory is compared once buffers have their size
        before = memory(server.pid)
        report(f"{CLIENTS} at once", crowd(recording))
        print(f"memory of the server: {before:.0f} MB before, {memory(server.pid):.0f} MB after {CLIENTS} x {EACH} recordings")
    finally:
        server.terminate()
        server.wait(20)


def spoken() -> bytes:
    """A spoken sentence as the browser sends it, float32 at RATE, SECONDS long."""
    [samples] = speak([Word("the birch canoe slid on the smooth planks near the river", "en-us+f1", 150, 60, 50)])
    long = soxr.resample(np.asarray(samples, np.float32), ESPEAK_RATE, RATE, quality="HQ")
    return np.resize(0.3 * long / np.abs(long).max(), round(SECONDS * RATE)).astype("<f4").tobytes()


def times(recording: bytes, n: int) -> list[float]:
    """Seconds of each of n questions on one connection; raises RuntimeError where one fails."""
    found, line = [], http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    for _ in range(n):
        start = time.perf_counter()
        line.request("POST", f"/api/classify?rate={RATE}", recording, {"Content-Type": "application/octet-stream"})
        answer = line.getresponse()
        body = answer.read()
        found.append(time.perf_counter() - start)
        if answer.status != 200 or json.loads(body)["explanation"] is None:
            raise RuntimeError(f"status {answer.status}: {body[:200]!r}")
    line.close()
    return found


def crowd(recording: bytes) -> list[list[float]]:
    """CLIENTS at once, EACH one after another."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda _: times(recording, EACH), range(CLIENTS)))


def report(title: str, found: list[list[float]]) -> None:
    """Print the middle and the late answers, in ms."""
    ms = 1000 * np.concatenate(found)
    print(f"{title}: {len(ms)} answers, p50 {np.percentile(ms, 50):.0f} ms, p95 {np.percentile(ms, 95):.0f} ms")


def wait(*, most: float = 180.0) -> None:
    """Wait until the server answers, at most so many s."""
    until = time.monotonic() + most
    while time.monotonic() < until:
        try:
            line = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            line.request("GET", "/api/model")
            line.getresponse().read()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


def memory(pid: int) -> float:
    """Resident memory of the server, in MB; Linux."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
