"""The download against a real web server on this machine that drops, refuses and damages what it sends."""

import functools
import http.server
import io
import json
import re
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
from voicecam.corpora.fetch import _Bar, fetch
from voicecam.errors import DatasetError

SCRIPTS = Path(__file__).parents[1] / "scripts"
BODY = bytes(np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8))


@dataclass
class Site:
    """What the server does, and how many requests it got."""

    body: bytes = BODY
    chunked: bool = False  # no Content-Length, as GitHub sends what it makes on the fly
    status: list[int] = field(default_factory=list)  # answers to give before the first good one
    cuts: list[int] = field(default_factory=list)  # bytes after which each of the first answers breaks off
    hold: threading.Event | None = None  # after a cut, wait for this instead of hanging up
    asked: int = 0
    url: str = ""


def answer(site: Site, request: http.server.BaseHTTPRequestHandler) -> None:
    site.asked += 1
    if site.status:
        return request.send_error(site.status.pop(0))
    request.send_response(200)
    request.send_header(*(("Transfer-Encoding", "chunked") if site.chunked else ("Content-Length", str(len(site.body)))))
    request.end_headers()
    send(site, request)


def send(site: Site, request: http.server.BaseHTTPRequestHandler) -> None:
    cut = site.cuts.pop(0) if site.cuts else None
    head = b"%x\r\n" % len(site.body) if site.chunked else b""
    request.wfile.write(head + site.body[:cut])
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


@pytest.fixture
def naps(monkeypatch) -> list[float]:
    """The seconds waited between tries, which are not waited here."""
    naps: list[float] = []
    monkeypatch.setattr("pooch.core.time.sleep", naps.append)
    return naps


@pytest.mark.parametrize("chunked", [False, True])
def test_whole_file(site, tmp_path, capfd, chunked):
    site.chunked = chunked
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    assert (site.asked, left(tmp_path), capfd.readouterr()) == (1, ["x.zip"], ("", ""))


@pytest.mark.parametrize("chunked", [False, True])
def test_dropped_connections_start_again(site, tmp_path, naps, chunked):
    site.chunked, site.cuts = chunked, [100_000, 50_000]
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    assert (site.asked, len(naps), left(tmp_path)) == (3, 2, ["x.zip"])


def test_gives_up_and_leaves_nothing(site, tmp_path, naps):
    site.cuts = [100_000, 0, 150_000]
    with pytest.raises(DatasetError, match=r"connection failed \(it ended too early\), 3 tries in a row; check the network"):
        fetch(site.url, tmp_path / "x.zip")
    assert left(tmp_path) == []
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY


def test_a_silent_server_counts_as_dropped(site, tmp_path, naps, monkeypatch):
    monkeypatch.setattr("pooch.downloaders.DEFAULT_TIMEOUT", 0.2)
    site.cuts, site.hold = [100_000], threading.Event()
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    site.hold.set()
    assert site.asked == 2


def test_no_server_is_one_line(site, tmp_path, naps):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(
            DatasetError, match=r"^http://127\S+: connection failed \(\[Errno \d+\] Connection refused\), 3 tries"
        ):
            fetch(f"http://127.0.0.1:{closed.getsockname()[1]}/x", tmp_path / "x.zip")
    assert left(tmp_path) == []


def test_passing_faults_are_tried_again_and_lasting_ones_not(site, tmp_path, naps):
    site.status = [503, 429]
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    site.status = [404]
    with pytest.raises(DatasetError, match="server answered 404 Not Found; check the url"):
        fetch(site.url, tmp_path / "y.zip")
    site.status = [503, 503, 503]
    with pytest.raises(DatasetError, match="server answered 503 Service Unavailable, 3 tries"):
        fetch(site.url, tmp_path / "y.zip")
    assert (site.asked, left(tmp_path)) == (7, ["x.zip"])


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "elsewhere.zip", "http://"])
def test_only_web_addresses(tmp_path, url):
    with pytest.raises(DatasetError, match=r"; check the url$"):
        fetch(url, tmp_path / "x.zip")
    assert left(tmp_path) == []


def test_what_a_killed_download_left_is_never_read_and_goes(site, tmp_path):
    (tmp_path / ".x.zip.fetching").mkdir()
    for name in ("tmpabcdefgh", "x.zip"):
        (tmp_path / ".x.zip.fetching" / name).write_bytes(BODY[:1000])
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    assert left(tmp_path) == ["x.zip"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_terminal_sees_a_bar(site, tmp_path, monkeypatch, capsys, chunked):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("voicecam.corpora.fetch._Bar", functools.partial(_Bar, mininterval=0))
    site.chunked = chunked
    fetch(site.url, tmp_path / "x.zip")
    assert re.search(r"fetching: \d+kB \[" if chunked else r"fetching: +\d+%.*k/300k \[", capsys.readouterr().err)


# AudioMNIST ----------------------------------------------------------------------------------------------------------------

get_small = functools.partial(get_audiomnist, speakers=2, digits=3, takes=2, space=0)
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
    site.body = archive()
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
    assert site.asked == 1


def test_a_whole_archive_is_not_fetched_again(site, tmp_path):
    (tmp_path / "mnist.zip").write_bytes(archive())
    assert get_small(tmp_path / "mnist", url=site.url) == 12
    assert (site.asked, left(tmp_path)) == (0, ["mnist"])


def test_folder_with_other_contents_is_refused(site, tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match=r"holds something else \(0 of 12 clips\)"):
        get_small(tmp_path / "mnist", url=site.url)
    assert (left(tmp_path / "mnist"), site.asked) == (["thesis.txt"], 0)


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
    site.body = archive()
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
    assert site.asked == 0


def test_unwritable_place_is_one_line(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        get_small(tmp_path / "file" / "mnist", url=site.url)


# The script ----------------------------------------------------------------------------------------------------------------


def start_script(*arguments: str) -> subprocess.Popen:
    """The script in a process of its own, without its demand for free disk space."""
    code = (
        "import sys; from functools import partial; import get_audiomnist as s; from voicecam.corpora import download as d; "
        "d.get_audiomnist = partial(d.get_audiomnist, speakers=2, digits=3, takes=2, space=0); "
        "sys.exit(s.main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=SCRIPTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_script_stopped_with_ctrl_c_leaves_nothing_and_starts_again(site, tmp_path):
    site.body, site.cuts, site.hold = archive({"README.md": bytes(200_000)}), [150_000], threading.Event()
    arguments = ("--folder", str(tmp_path / "mnist"), "--url", site.url)
    script = start_script(*arguments)
    wait_for(lambda: any(file.stat().st_size >= 65_536 for file in tmp_path.glob(".mnist.zip.fetching/*")))
    script.send_signal(signal.SIGINT)
    out, err = script.communicate(timeout=60)
    site.hold.set()
    assert (script.returncode, out, len(err.splitlines()), left(tmp_path)) == (130, "", 1, [])
    script = start_script(*arguments)
    out, err = script.communicate(timeout=60)
    assert (script.returncode, out.splitlines()[-1]) == (0, f"wrote {tmp_path / 'mnist'}: 12 clips, every one checked")
    assert site.asked == 2


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
