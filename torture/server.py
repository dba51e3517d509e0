"""The server under 10,000 requests, good, bad and broken off: the same answers at the end as at the start, memory and
threads that do not grow, nothing on its terminal. And what schemathesis makes of its OpenAPI document, where it is installed."""

import argparse
import contextlib
import http.client
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
from odd import RATE, ROOT, encoded, plain
from rows import Row, finish
from small import environment
from sounds import ask, ready
from watched import below, bugs

GROWS = 60e6  # bytes that the memory may be larger at the end than after a fifth of the requests
COMMAND = "python torture/server.py"


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="how many")
    parser.add_argument("--few", action="store_true", help="200 requests: for make test")
    parser.add_argument("--schemathesis", default="schemathesis", metavar="PROGRAM", help="where it is")
    args = parser.parse_args()
    if args.few:
        return finish("server-few", [many(200, grows=2 * GROWS)], keep=False)
    return finish("server", chain((many(args.requests) for _ in range(1)), described(args.schemathesis)))


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen, int, Path]]:
    """A server of the shipped model: its process, its port, and the file of its error output."""
    log = folder / "server.txt"
    argv = [sys.executable, str(ROOT / "scripts" / "serve.py"), "--port", "0", "--model", str(ROOT / "voicecam/models/voice")]
    with open(log, "wb") as err:
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=err, text=True, env=environment())
    try:
        port = int(re.search(r":(\d+)/", server.stdout.readline()).group(1))
        ready(port)
        yield server, port, log
    finally:
        server.terminate()
        server.wait(30)


def many(n: int, *, grows: float = GROWS) -> Row:
    """So many requests, four at a time."""
    sound, long = encoded(plain()[: RATE // 2]), encoded(np.tile(plain(), 40))
    statuses: Counter[str] = Counter()

    def one(i: int) -> None:
        kind = i % 20
        if kind == 0:
            statuses[f"voice {ask(port, sound)[0]}"] += 1
        elif kind in (1, 2):
            statuses[f"long or no sound {ask(port, (long, b'no sound')[kind - 1])[0]}"] += 1
        elif kind in (3, 4, 5):
            broken(port, kind)
            statuses["broken off"] += 1
        else:
            path = ("/", "/api/model", "/api", "/static/app.js", "/nothing", "/api/classify", "/api/openapi.json")[kind % 7]
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            line.request("GET", path, headers={"Sec-Fetch-Site": "cross-site"} if kind == 19 else {})
            answer = line.getresponse()
            answer.read()
            line.close()
            statuses[f"page {answer.status}"] += 1

    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (server, port, log), ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(n // 5)))
        first = ask(port, sound)[1]
        before, threads = memory(server.pid), count_threads(server.pid)
        list(pool.map(one, range(n // 5, n)))
        last = ask(port, sound)[1]
        after, then = memory(server.pid), count_threads(server.pid)
        said = log.read_text()
    falls = bugs(said) + [f"on its terminal: {line}" for line in said.splitlines()[:5]]
    falls += [f"{name}, {count} times" for name, count in statuses.items() if name.endswith((" 500", "voice 422"))]
    falls += ["another answer at the end"] * (first["probabilities"] != last["probabilities"])
    falls += [f"{(after - before) / 1e6:.0f} MB more"] * (after - before > grows)
    falls += [f"{then - threads} threads more"] * (then > threads + 2)
    how = f"{before / 1e6:.0f} MB and {threads} threads after a fifth of them, {after / 1e6:.0f} MB and {then} threads at the end"
    return Row("requests to the page's server, 3 in 20 broken off", n, how, COMMAND, falls)


def broken(port: int, kind: int) -> None:
    """An upload that ends before it is whole, or is no HTTP."""
    form = b"POST /api/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=q\r\n"
    sent = {
        3: form + b"Content-Length: 100000\r\n\r\n--q\r\n",
        4: form + b"Transfer-Encoding: chunked\r\n\r\n5\r\n--q\r\n\r\nzz\r\n",
        5: b"\x16\x03\x01\x02\x00 no http\r\n\r\n",
    }
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(sent[kind])


def memory(pid: int) -> int:
    """Resident bytes of a process and those below it; Linux."""
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in (pid, *below(pid))]
    return 4096 * sum(pages)


def count_threads(pid: int) -> int:
    """Threads of a process; Linux."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def described(program: str) -> Iterator[Row]:
    """What schemathesis finds that the API's document does not say; no row where it is not installed."""
    if shutil.which(program) is None:
        return
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (_server, port, log):
        argv = [program, "run", f"http://127.0.0.1:{port}/api/openapi.json", "--checks", "not_a_server_error", "--seed", "1"]
        found = subprocess.run([*argv, "-n", "200"], capture_output=True, text=True, cwd=folder, check=False)
        said = log.read_text()
    cases = re.search(r"(\d[\d,]*) generated", found.stdout)
    falls = bugs(said) + ([] if found.returncode == 0 else [line for line in found.stdout.splitlines() if line.strip()][-15:])
    tried = int(cases.group(1).replace(",", "")) if cases else 0
    yield Row("schemathesis on the API's OpenAPI document", tried, "no server error", COMMAND, falls)


if __name__ == "__main__":
    sys.exit(main())
