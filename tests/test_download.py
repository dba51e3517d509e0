"""The download against a real web server on this machine that drops, changes, refuses and damages what it sends."""

import functools
import http.server
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voicecam.corpora import open_corpus
from voicecam.corpora.download import get_audiomnist
from voicecam.corpora.fetch import fetch
from voicecam.errors import DatasetError

SCRIPTS = Path(__file__).parents[1] / "scripts"
BODY = bytes(np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8))


@dataclass
class Site:
    """What the server does, and the Range header of each request that it got (None: no such header)."""

    body: bytes = BODY
    etag: str = '"one"'
    ranges: bool = True
    chunked: bool = False
    trust_range: bool = False  # answer a Range also when If-Range names another file, as broken servers do
    status: list[int] = field(default_factory=list)  # answers to give before the first good one
    cuts: list[int] = field(default_factory=list)  # bytes after which each of the first answers breaks off
    hold: threading.Event | None = None  # after a cut, wait for this instead of hanging up
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


def answer(site: Site, request: http.server.BaseHTTPRequestHandler) -> None:
    site.asked.append(request.headers["Range"])
    if site.status:
        return request.send_error(site.status.pop(0))
    same = site.trust_range or request.headers["If-Range"] == site.etag
    start = int(request.headers["Range"][6:-1]) if site.ranges and request.headers["Range"] and same else None
    rest = site.body[start or 0 :]
    request.send_response(200 if start is None else 206)
    if start is not None:
        request.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
    request.send_header("ETag", site.etag)
    request.send_header(*(("Transfer-Encoding", "chunked") if site.chunked else ("Content-Length", str(len(rest)))))
    request.end_headers()
    send(site, request, rest)


def send(site: Site, request: http.server.BaseHTTPRequestHandler, rest: bytes) -> None:
    cut = site.cuts.pop(0) if site.cuts else None
    head = b"%x\r\n" % len(rest) if site.chunked else b""
    request.wfile.write(head + rest[:cut])
    if cut is None:
        request.wfile.write(b"\r\n0\r\n\r\n" if site.chunked else b"")
    elif site.hold:
        site.hold.wait(30)
    else:
        request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


@pytest.fixture
def site(monkeypatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answer(site, self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}/master"
    yield site
    server.shutdown()
    server.server_close()


# One file over HTTP --------------------------------------------------------------------------------------------------------


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_whole_file(site, tmp_path):
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    assert (site.asked, left(tmp_path)) == ([None], ["x.zip"])


def test_dropped_connections_continue_where_they_broke(site, tmp_path):
    site.cuts = [100_000, 50_000]
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    assert site.asked == [None, "bytes=100000-", "bytes=150000-"]


@pytest.mark.parametrize("chunked", [False, True])
def test_server_without_ranges_starts_again(site, tmp_path, chunked):
    site.ranges, site.chunked, site.cuts = False, chunked, [100_000]
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    assert len(site.asked) == 2


def test_weak_etag_is_not_continued(site, tmp_path):
    site.etag, site.cuts = 'W/"one"', [100_000]
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    assert site.asked == [None, None]


@pytest.mark.parametrize("trust_range", [False, True])
def test_a_file_that_changed_between_calls_is_fetched_anew(site, tmp_path, trust_range):
    site.cuts = [100_000, 0]
    with pytest.raises(DatasetError):
        fetch(site.url, tmp_path / "x.zip", tries=1, wait=0)
    assert (tmp_path / "x.zip.part").read_bytes() == BODY[:100_000]
    site.body, site.etag, site.trust_range = BODY[::-1], '"two"', trust_range
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY[::-1]


def test_gives_up_and_continues_in_the_next_call(site, tmp_path):
    site.cuts = [100_000, 0, 0, 0]
    with pytest.raises(DatasetError, match=r"3 tries in a row; run again to continue"):
        fetch(site.url, tmp_path / "x.zip", tries=3, wait=0)
    assert (tmp_path / "x.zip.part").read_bytes() == BODY[:100_000]
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    assert site.asked[-1] == "bytes=100000-"


def test_partial_file_of_another_address_is_not_continued(site, tmp_path):
    (tmp_path / "x.zip.part").write_bytes(b"other")
    (tmp_path / "x.zip.part.json").write_text(json.dumps({"url": "http://elsewhere/", "validator": '"one"'}))
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    assert site.asked == [None]


def test_passing_faults_are_tried_again_and_lasting_ones_not(site, tmp_path):
    site.status = [503, 429]
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY
    site.status = [404]
    with pytest.raises(DatasetError, match="404"):
        fetch(site.url, tmp_path / "y.zip", wait=0)
    assert len(site.asked) == 4


def test_partial_file_that_is_too_long_starts_again(site, tmp_path):
    (tmp_path / "x.zip.part").write_bytes(BODY + b"more")
    (tmp_path / "x.zip.part.json").write_text(json.dumps({"url": site.url, "validator": '"one"'}))
    site.status = [416]
    assert fetch(site.url, tmp_path / "x.zip", wait=0).read_bytes() == BODY


def test_only_web_addresses(tmp_path):
    with pytest.raises(DatasetError, match="not an http or https address"):
        fetch("file:///etc/hostname", tmp_path / "x.zip")


# AudioMNIST ----------------------------------------------------------------------------------------------------------------

get_small = functools.partial(get_audiomnist, speakers=2, digits=3, takes=2, space=0, wait=0)
PEOPLE = {
    s: {"accent": "German", "age": "25", "gender": "male", "native speaker": "no", "recordingroom": "Kino"} for s in ("01", "02")
}


def wav(rate: int = 48_000, channels: int = 1, samples: int = 480) -> bytes:
    noise = np.random.default_rng(1).integers(-999, 999, (samples, channels), dtype=np.int16)
    file = io.BytesIO()
    soundfile.write(file, noise, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def archive(changes: dict[str, bytes | None] | None = None) -> bytes:
    """A zip like GitHub's, with members replaced or (None) left out."""
    clips = {f"data/{s}/{d}_{s}_{t}.wav": wav() for s in PEOPLE for d in range(3) for t in range(2)}
    texts = {"data/audioMNIST_meta.txt": json.dumps(PEOPLE).encode(), "LICENSE": b"MIT", "README.md": b"read me"}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in (clips | texts | (changes or {})).items():
            if content is not None:
                opened.writestr(f"AudioMNIST-master/{name}", content)
    return file.getvalue()


def test_small_corpus_arrives_and_opens(site, tmp_path):
    site.body, site.cuts = archive(), [5_000]
    assert get_small(tmp_path / "mnist", url=site.url) == 12
    corpus = open_corpus(tmp_path / "mnist")
    assert (corpus.name, len(corpus.clips)) == ("AudioMNIST", 12)
    assert (corpus.root / "02/2_02_1.wav").read_bytes() == wav()
    assert left(tmp_path) == ["mnist"]
    assert left(tmp_path / "mnist") == ["LICENSE", "data"]


def test_complete_folder_is_left_alone(site, tmp_path):
    site.body = archive()
    get_small(tmp_path / "mnist", url=site.url)
    assert get_small(tmp_path / "mnist", url=site.url) == 12
    assert len(site.asked) == 1


def test_folder_with_other_contents_is_refused(site, tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match=r"holds something else \(0 of 12 clips\)"):
        get_small(tmp_path / "mnist", url=site.url)
    assert (left(tmp_path / "mnist"), site.asked) == (["thesis.txt"], [])


CLIP = "data/01/0_01_0.wav"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({CLIP: wav(rate=44_100)}, f"{CLIP} has 44100 Hz, 1 channels"),
        ({CLIP: wav(channels=2)}, "2 channels"),
        ({CLIP: wav(samples=0)}, "0 samples"),
        ({CLIP: b"RIFF nonsense"}, f"{CLIP} is not readable as audio"),
        ({CLIP: bytes(6_000_000)}, "at most"),
        ({CLIP: None}, f"12 of 13 files and 0 unknown ones (first missing: {CLIP})"),
        ({"data/03/0_03_0.wav": wav()}, "1 unknown ones (first surplus: data/03/0_03_0.wav)"),
        ({"data/audioMNIST_meta.txt": None}, "first missing: data/audioMNIST_meta.txt"),
    ],
)
def test_wrong_contents(site, tmp_path, changes, part):
    site.body = archive(changes)
    with pytest.raises(DatasetError) as caught:
        get_small(tmp_path / "mnist", url=site.url)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []  # nothing half done, and the next run fetches anew


def flipped(body: bytes) -> bytes:
    """One bit of a clip's samples turned over: all sizes stay right, the checksum does not."""
    place = body.index(b"data", body.index(CLIP.encode()) + len(CLIP)) + 100
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


@pytest.mark.parametrize("damage", [flipped, lambda body: body[: len(body) // 2], lambda body: b"<html>busy</html>"])
def test_corrupt_zip(site, tmp_path, damage):
    site.body = damage(archive())
    with pytest.raises(DatasetError, match="it was deleted, run again"):
        get_small(tmp_path / "mnist", url=site.url)
    assert left(tmp_path) == []
    site.body, site.etag = archive(), '"two"'
    assert get_small(tmp_path / "mnist", url=site.url) == 12


def test_no_member_leads_out_of_the_folder(site, tmp_path):
    evil = {"../../evil.wav": wav(), "data/../../evil.wav": wav(), "data/01/../../../0_01_0.wav": wav()}
    site.body = archive(evil)
    get_small(tmp_path / "a" / "mnist", url=site.url)
    files = [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 14
    assert all(file.startswith(("a/mnist/data/", "a/mnist/LICENSE")) for file in files)


def test_full_disk_is_seen_before_the_download(site, tmp_path):
    with pytest.raises(DatasetError, match=r"GB free, 1000000000\.0 GB needed"):
        get_small(tmp_path / "mnist", url=site.url, space=10**18)
    assert site.asked == []


def test_unwritable_place_is_one_line(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        get_small(tmp_path / "file" / "mnist", url=site.url)


# The script ----------------------------------------------------------------------------------------------------------------


def start_script(*arguments: str) -> subprocess.Popen:
    """The script in a process of its own, without its demand for free disk space."""
    code = (
        "import sys; from functools import partial; import get_audiomnist as s; from voicecam.corpora import download as d; "
        "d.get_audiomnist = partial(d.get_audiomnist, speakers=2, digits=3, takes=2, space=0, wait=0); "
        "sys.exit(s.main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=SCRIPTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_script_stopped_with_ctrl_c_continues(site, tmp_path):
    body = archive({"README.md": bytes(200_000)})
    site.body, site.cuts, site.hold = body, [150_000], threading.Event()
    arguments = ("--folder", str(tmp_path / "mnist"), "--url", site.url)
    part = tmp_path / "mnist.zip.part"
    script = start_script(*arguments)
    wait_for(lambda: part.is_file() and part.stat().st_size >= 65_536)
    script.send_signal(signal.SIGINT)
    out, err = script.communicate(timeout=60)
    site.hold.set()
    assert (script.returncode, out, len(err.splitlines())) == (130, "", 1)
    have = part.stat().st_size
    assert part.read_bytes() == body[:have]
    script = start_script(*arguments)
    out, err = script.communicate(timeout=60)
    assert (script.returncode, out.splitlines()[-1]) == (0, f"wrote {tmp_path / 'mnist'}: 12 clips, every one checked")
    assert site.asked == [None, f"bytes={have}-"]


def wait_for(done) -> None:
    for _ in range(600):
        if done():
            return
        threading.Event().wait(0.1)
    pytest.fail("nothing happened for 60 s")


def test_script_error_is_one_line_and_status_2(site, tmp_path):
    site.status = [404]
    script = start_script("--folder", str(tmp_path / "mnist"), "--url", site.url)
    out, err = script.communicate(timeout=60)
    assert (script.returncode, out, len(err.splitlines())) == (2, "", 1)
    assert "404" in err


def test_script_help_has_defaults_and_an_example():
    out, _ = start_script("--help").communicate(timeout=60)
    assert "cache/AudioMNIST" in out
    assert "soerenab/AudioMNIST/zip/refs/heads/master" in out
    assert "example: python scripts/get_audiomnist.py" in out
