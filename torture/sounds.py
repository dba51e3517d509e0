"""The zoo of odd sound files through classify (alone, then as a folder), make_images (1 and 2 processes) and the page's API.

Held means: exit status 0 or 2, no traceback, one line of reason, the right answer where the voice is whole, a refusal where
something of it is missing, less than 1.5 GB, nothing left behind.
"""

import argparse
import csv
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from odd import CUT, PLAIN, ROOT, SAME, WHOLE, Odd
from rows import Row, finish
from watched import MOST_MEMORY, Peaks, bugs, captured, forget_peak, litter, peak
from zoo import make_zoo

LABEL, PROBABILITY = "female", 0.987  # what the shipped model says of PLAIN
NEAR = 0.02  # of the probability, where the samples are the same
COMMAND = "python torture/sounds.py"
SENT = 20_000_000  # bytes; the API takes no more
TOO_LONG = "more than 600 s of sound"  # of a clip of a corpus, see audio.CLIP


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--few", action="store_true", help="one file of each group and each twentieth, through classify alone: for make test"
    )
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS), help="what the zoo goes through")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        zoo = make_zoo(Path(folder) / "zoo", few=args.few)
        if args.few:
            first = {odd.group: odd for odd in reversed(zoo)}
            zoo = [odd for i, odd in enumerate(zoo) if i % 20 == 0 or first[odd.group] is odd]
            zoo = [odd for odd in zoo if odd.group not in ("lengths", "very much")]
            return finish("sounds-few", [alone(zoo, Path(folder))], keep=False)
        return finish("sounds", (row for part in args.part for row in _rows(PARTS[part](zoo, Path(folder)))))


def _rows(found: Row | list[Row]) -> list[Row]:
    return found if isinstance(found, list) else [found]


def judge(odd: Odd, label: str | None, probability: float | None, error: str | None) -> str | None:
    """What is wrong with an answer, or None. label : None for no speech too"""
    if error is not None:
        return "refused though whole" if odd.expect == SAME else None
    if odd.expect == CUT:
        return f"answered ({label}) though something is missing"
    if odd.expect in (SAME, WHOLE):
        if label != LABEL:
            return f"answered {label}, {LABEL} is right"
        if odd.exact and abs((probability or 0) - PROBABILITY) > NEAR:
            return f"probability {probability}, {PROBABILITY} is right"
    return None


def shown(odd: Odd) -> str:
    """Group and name of a file, for a line."""
    return f"{odd.group}/{os.fsencode(odd.path.name)[:60]!r}"


def alone(zoo: list[Odd], folder: Path) -> Row:
    """Each file by itself through the command line's own function, in this process."""
    from voicecam.commands import run_command

    falls, statuses, most = [], Counter(), 0
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    with captured():
        run_command("classify", [str(PLAIN)], called="x")  # imports and buffers are not any file's memory
    for odd in zoo:
        forget_peak()
        status: object = "?"
        try:
            with captured() as said:
                status = run_command("classify", ["--json", "answer.json", "--", str(odd.path)], called="python x.py")
        except SystemExit as end:
            status = end.code
        except BaseException as bug:  # whatever it is, it is this file's
            falls.append(f"{shown(odd)}: {type(bug).__name__}: {bug}")
            continue
        statuses[status] += 1
        most = max(most, peak())
        falls += [f"{shown(odd)}: {fault}" for fault in _faults_alone(odd, status, said.err, work)]
        if peak() > MOST_MEMORY:
            falls.append(f"{shown(odd)}: {peak() / 1e9:.2f} GB")
        (work / "answer.json").unlink(missing_ok=True)
    falls += [f"left behind: {name}" for name in os.listdir(work)]
    os.chdir(ROOT)
    happened = f"{statuses[0]} answered, {statuses[2]} refused in a line, at most {most / 1e9:.2f} GB"
    return Row("odd sound files, each alone through classify", len(zoo), happened, f"{COMMAND} --part alone", falls)


def _faults_alone(odd: Odd, status: object, err: str, work: Path) -> Iterator[str]:
    yield from bugs(err)
    if status not in (0, 2):
        yield f"exit status {status}"
    lines = [line for line in err.splitlines() if not line.startswith(("passed over", "[src/libmpg123", "Note: "))]  # its own
    if status == 2 and not 1 <= len(lines) <= 2 and odd.path.is_file():
        yield f"{len(lines)} lines of error"
    if (work / "answer.json").exists():
        for row in json.loads((work / "answer.json").read_text()):
            if odd.path.is_file() and (fault := judge(odd, row["label"], row["probability"], row["error"])):
                yield fault
    elif odd.expect == SAME:
        yield "no answer"


def in_folder(zoo: list[Odd], folder: Path) -> Row:
    """The whole zoo as one folder: each file has the answer that it has alone."""
    from voicecam.commands import run_command

    forget_peak()
    with captured(seconds=3600) as said:
        status = run_command("classify", ["--json", str(folder / "all.json"), str(folder / "zoo")], called="python x.py")
    rows = {row["path"]: row for row in json.loads((folder / "all.json").read_text())}
    falls = bugs(said.err) + ([] if status == 2 else [f"exit status {status}"])
    for odd in zoo:
        row = rows.get(os.fsencode(odd.path).decode("utf-8", "backslashreplace"))
        if row is not None and (fault := judge(odd, row["label"], row["probability"], row["error"])):
            falls.append(f"{shown(odd)}: {fault}")
    happened = f"{len(rows)} files found, {sum(row['error'] is None for row in rows.values())} answered, {peak() / 1e9:.2f} GB"
    if peak() > MOST_MEMORY:
        falls.append(f"{peak() / 1e9:.2f} GB")
    return Row("the same as one folder through classify", len(rows), happened, f"{COMMAND} --part folder", falls)


def images(zoo: list[Odd], folder: Path) -> list[Row]:
    """The zoo as a corpus: a CSV of its files becomes images, by one process and by two, to the same bytes."""
    listed = [odd for odd in zoo if odd.path.is_file() and "\\" not in odd.path.name and odd.path.name == odd.path.name.strip()]
    listed = [odd for odd in listed if _text_name(odd.path) and "\r" not in odd.path.name]
    listed = list({_stem(odd.path): odd for odd in listed}.values())  # clips that differ in their ending alone are refused
    file = folder / "zoo" / "clips.csv"
    with open(file, "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["path", "speaker", "kind"])
        table.writerows([str(odd.path.relative_to(folder / "zoo")), f"s{i % 9}", f"k{i % 2}"] for i, odd in enumerate(listed))
    rows, made = [], []
    for workers in (1, 2):
        home = folder / f"home-{workers}"
        home.mkdir()
        argv = [sys.executable, str(ROOT / "scripts" / "make_images.py"), "--home", str(home), "--corpus", str(file)]
        started = subprocess.Popen([*argv, "--workers", str(workers)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        peaks = Peaks(started.pid)
        out, err = started.communicate()
        most = peaks.stop()
        falls = bugs(out + err) + ([] if started.returncode == 0 else [f"exit status {started.returncode}: {err[-300:]}"])
        falls += [f"left behind: {name}" for name in litter(home)]
        falls += [f"{most / 1e9:.2f} GB"] * (most > MOST_MEMORY)
        maps = [path for path in (home / "maps").glob("*.json")]
        entries = json.loads(maps[0].read_text())["entries"] if maps else {}
        falls += _faults_images(listed, entries, folder / "zoo")
        broken = sum("error" in entry for entry in entries.values())
        made.append({str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*.png")})
        happened = f"{len(entries) - broken} images, {broken} refused, at most {most / 1e9:.2f} GB a process"
        name = f"the same as a corpus through make_images, {workers} process{'es' * (workers > 1)}"
        rows.append(Row(name, len(listed), happened, f"{COMMAND} --part images", falls))
    if made[0] != made[1]:
        rows[1].falls.append("two processes made other images than one")
    return rows


def _stem(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path.with_suffix(""))).casefold()


def _text_name(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _faults_images(listed: list[Odd], entries: dict, root: Path) -> Iterator[str]:
    for odd in listed:
        entry = entries.get(str(odd.path.relative_to(root)))
        if entry is None:
            yield f"{shown(odd)}: not in the map"
        elif "error" in entry and odd.expect == SAME and TOO_LONG not in entry["error"]:
            yield f"{shown(odd)}: refused though whole: {entry['error']}"
        elif "error" not in entry and odd.expect == CUT:
            yield f"{shown(odd)}: made though something is missing"
        elif "\n" in entry.get("error", ""):
            yield f"{shown(odd)}: an error of several lines"


def api(zoo: list[Odd], folder: Path) -> Row:
    """Each file that a browser could send, to the page's server over HTTP."""
    model, log = ROOT / "voicecam" / "models" / "voice", folder / "server.txt"
    argv = [sys.executable, str(ROOT / "scripts" / "serve.py"), "--port", "0", "--model", str(model)]
    with open(log, "wb") as err:
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=err, text=True)
    peaks = Peaks(server.pid)
    try:
        port = int(re.search(r":(\d+)/", server.stdout.readline()).group(1))
        ready(port)
        sent = [odd for odd in zoo if odd.group != "links" and odd.path.is_file() and odd.path.stat().st_size <= SENT]
        statuses, falls = Counter(), []
        for odd in sent:
            status, answer = ask(port, odd.path.read_bytes())
            statuses[status] += 1
            falls += [f"{shown(odd)}: {fault}" for fault in _faults_api(odd, status, answer)]
    finally:
        server.terminate()
        server.wait(30)
    most = peaks.stop()
    falls += bugs(log.read_text()) + [f"{most / 1e9:.2f} GB"] * (most > MOST_MEMORY)
    happened = f"{statuses[200]} answered, {statuses[422]} refused in a line, at most {most / 1e9:.2f} GB a process"
    return Row("the same, as far as 20 MB, sent to the page's API", len(sent), happened, f"{COMMAND} --part api", falls)


def ready(port: int, *, most: float = 180.0) -> None:
    """Wait until a server answers. Raises RuntimeError after so many s."""
    until = time.monotonic() + most
    while time.monotonic() < until:
        try:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            line.request("GET", "/api/model")
            line.getresponse().read()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


def ask(port: int, data: bytes) -> tuple[int, dict]:
    """The status and the JSON of an answer to a file."""
    body = b'--q\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + data + b"\r\n--q--\r\n"
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        line.request("POST", "/api/classify", body, {"Content-Type": "multipart/form-data; boundary=q"})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def _faults_api(odd: Odd, status: int, answer: dict) -> Iterator[str]:
    if status not in (200, 413, 422):
        yield f"status {status}: {answer}"
    if status != 200 and "\n" in answer.get("error", "\n"):
        yield "an error of several lines"
    long = odd.group in ("lengths", "very much", "channels")  # the page takes a minute, and fewer samples
    if not (long and status == 422) and (
        fault := judge(odd, answer.get("label"), answer.get("probability"), answer.get("error"))
    ):
        yield fault


PARTS: dict[str, Callable[[list[Odd], Path], Row | list[Row]]] = {
    "alone": alone,
    "folder": in_folder,
    "images": images,
    "api": api,
}

if __name__ == "__main__":
    sys.exit(main())
