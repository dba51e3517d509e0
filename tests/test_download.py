"""The download against a real web server on this machine that drops, refuses and damages what it sends."""

import functools
import hashlib
import http.server
import io
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from run_script import one_line_error, output_of, run_script
from tqdm import tqdm

from voicecam.corpora import open_corpus
from voicecam.corpora.download import contents_of, get_corpus, get_mini
from voicecam.corpora.fetch import fetch
from voicecam.corpora.sources import SOURCES, Source
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
    parts: bool = False  # whether it sends the rest of the body where that is asked for
    files: dict[str, bytes] = field(default_factory=dict)  # bodies of other addresses
    asked: int = 0
    sent: int = 0  # bytes of bodies
    ranges: list[str] = field(default_factory=list)  # the parts that were asked for
    url: str = ""


def answer(site: Site, request: http.server.BaseHTTPRequestHandler) -> None:
    site.asked += 1
    if site.status:
        return request.send_error(site.status.pop(0))
    body = site.files.get(request.path, site.body)
    asked = request.headers.get("Range")
    site.ranges += [asked] if asked else []
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and site.parts else 0
    if start >= len(body) > 0:
        return request.send_error(416)
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    rest = body[start:]
    request.send_header(*(("Transfer-Encoding", "chunked") if site.chunked else ("Content-Length", str(len(rest)))))
    request.end_headers()
    send(site, request, rest)


def send(site: Site, request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    cut = site.cuts.pop(0) if site.cuts else None
    head = b"%x\r\n" % len(body) if site.chunked else b""
    request.wfile.write(head + body[:cut])
    site.sent += len(body[:cut])
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


def test_dropped_connections_go_on_where_the_server_sends_parts(site, tmp_path, naps):
    site.parts, site.cuts = True, [100_000, 150_000]
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    starts = [int(asked[6:-1]) for asked in site.ranges]
    assert len(starts) == 2
    assert 0 < starts[0] <= 100_000 < starts[1] <= 250_000
    assert site.sent == 250_000 + len(BODY) - starts[1]  # the last answer sent nothing twice
    assert left(tmp_path) == ["x.zip"]


def test_after_giving_up_the_next_run_goes_on(site, tmp_path, naps):
    site.parts, site.cuts = True, [100_000, 0, 0]
    with pytest.raises(DatasetError, match=r"connection failed \(it ended too early\), 3 tries in a row; check the network"):
        fetch(site.url, tmp_path / "x.zip")
    assert left(tmp_path) == [".x.zip.fetching"]
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    assert (site.asked, left(tmp_path)) == (4, ["x.zip"])
    assert set(site.ranges) == {"bytes=65536-"}


@pytest.mark.parametrize("there", [BODY, BODY + b"more"])
def test_a_part_that_is_whole_or_too_long_is_fetched_anew(site, tmp_path, naps, there):
    site.parts, site.cuts = True, [100_000, 0, 0]
    with pytest.raises(DatasetError):
        fetch(site.url, tmp_path / "x.zip")
    (part,) = (tmp_path / ".x.zip.fetching").iterdir()
    part.write_bytes(there)
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY


def test_a_silent_server_counts_as_dropped(site, tmp_path, naps, monkeypatch):
    monkeypatch.setattr("voicecam.corpora.fetch.TIMEOUT", 0.2)
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


def test_what_came_from_elsewhere_is_never_read_and_goes(site, tmp_path):
    (tmp_path / ".x.zip.fetching").mkdir()
    for name in ("tmpabcdefgh", "x.zip", "0123456789.part"):
        (tmp_path / ".x.zip.fetching" / name).write_bytes(BODY[:1000])
    assert fetch(site.url, tmp_path / "x.zip").read_bytes() == BODY
    assert left(tmp_path) == ["x.zip"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_terminal_sees_a_bar(site, tmp_path, monkeypatch, capsys, chunked):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("voicecam.corpora.fetch.tqdm", functools.partial(tqdm, mininterval=0))
    site.chunked = chunked
    fetch(site.url, tmp_path / "x.zip")
    assert re.search(r"fetching: \d+kB \[" if chunked else r"fetching: +\d+%.*k/300k \[", capsys.readouterr().err)


# A corpus ------------------------------------------------------------------------------------------------------------------

PEOPLE = {
    s: {"accent": "German", "age": "25", "gender": "male", "native speaker": "no", "recordingroom": "Kino"} for s in ("01", "02")
}
CLIPS = [f"data/{s}/{d}_{s}_{t}.wav" for s in PEOPLE for d in range(3) for t in range(2)]
CLIP = CLIPS[0]


def wav(seed: int = 1, samples: int = 480) -> bytes:
    noise = np.random.default_rng(seed).integers(-999, 999, (samples, 1), dtype=np.int16)
    file = io.BytesIO()
    soundfile.write(file, noise, 48_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def archive(changes: dict[str, bytes | None] | None = None, *, top: str = "AudioMNIST-master/", level: int = 9) -> bytes:
    """A zip like GitHub's, with members replaced or (None) left out."""
    clips = {path: wav(seed) for seed, path in enumerate(CLIPS)}
    texts = {"data/audioMNIST_meta.txt": json.dumps(PEOPLE).encode(), "LICENSE": b"MIT", "setup.py": b"raise SystemExit"}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as opened:
        for name, content in (clips | texts | (changes or {})).items():
            if content is not None:
                opened.writestr(zipfile.ZipInfo(f"{top}{name}"), content)
    return file.getvalue()


def small(site: Site, **more) -> Source:
    """AudioMNIST's source, with twelve clips that come from the site."""
    right = {"url": site.url, "hash": "", "contents": "", "clips": 12, "space": 0, **more}
    return replace(SOURCES["audiomnist"], **right)


def lock(folder: Path) -> dict:
    return json.loads(folder.with_name(f"{folder.name}.lock.json").read_text())


def test_a_corpus_arrives_opens_and_is_written_down(site, tmp_path):
    site.body = archive()
    digest = "sha256:" + hashlib.sha256(site.body).hexdigest()
    found = get_corpus(small(site, hash=digest, proof="told by hand"), tmp_path / "mnist")
    assert (found.clips, found.new, found.proof) == (12, True, f"{digest} (told by hand)")
    corpus = open_corpus(tmp_path / "mnist")
    assert (corpus.name, len(corpus.clips)) == ("AudioMNIST", 12)
    assert (corpus.root / "02/2_02_1.wav").read_bytes() == wav(11)
    assert (left(tmp_path), left(tmp_path / "mnist")) == (["mnist", "mnist.lock.json"], ["LICENSE", "data"])
    said = lock(tmp_path / "mnist")
    assert (said["url"], said["archive"], said["clips"], said["licence"]) == (site.url, digest, 12, "MIT")
    bytes_ = b"".join(Path(path).name.encode() + wav(seed) for seed, path in enumerate(CLIPS))
    assert said["contents"] == hashlib.sha256(bytes_).hexdigest()


def test_a_cut_in_the_middle_goes_on_and_the_hash_is_right(site, tmp_path, naps):
    site.body, site.parts, site.cuts = archive({"README.md": BODY}), True, [200_000]
    get_corpus(small(site, hash="md5:" + hashlib.md5(site.body).hexdigest()), tmp_path / "mnist")
    assert (site.asked, len(site.ranges)) == (2, 1)


def test_a_wrong_hash_is_one_line_and_leaves_nothing(site, tmp_path):
    site.body = archive()
    with pytest.raises(
        DatasetError, match=rf"its hash is md5:{hashlib.md5(site.body).hexdigest()}, md5:0+ is right; it was deleted"
    ) as caught:
        get_corpus(small(site, hash="md5:" + 32 * "0"), tmp_path / "mnist")
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []


def test_an_archive_packed_anew_is_right_by_its_clips(site, tmp_path):
    """GitHub may pack the same commit otherwise: then the clips' own hash decides."""
    site.body = archive()
    get_corpus(small(site), tmp_path / "first")
    known = {"hash": "sha256:" + hashlib.sha256(site.body).hexdigest(), "contents": lock(tmp_path / "first")["contents"]}
    site.body = archive(level=1, top="AudioMNIST-other/")
    assert get_corpus(small(site, **known), tmp_path / "again").clips == 12
    site.body = archive({CLIP: wav(99)})
    with pytest.raises(DatasetError, match="its clips are others too"):
        get_corpus(small(site, **known), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_without_a_known_hash_the_first_fetch_holds_the_next_ones(site, tmp_path):
    site.body, folder = archive(), tmp_path / "mnist"
    get_corpus(small(site), folder)
    first = lock(folder)
    shutil.rmtree(folder)
    site.body = archive({CLIP: wav(99)})
    with pytest.raises(DatasetError, match=r"mnist\.lock\.json: the clips are not those of the first fetch; delete this file"):
        get_corpus(small(site), folder)
    assert (folder.exists(), lock(folder)) == (False, first)
    folder.with_name("mnist.lock.json").unlink()
    assert get_corpus(small(site), folder).clips == 12
    assert site.asked == 2  # the second archive was there


def test_complete_folder_is_left_alone(site, tmp_path):
    site.body = archive()
    first = get_corpus(small(site), tmp_path / "mnist")
    assert get_corpus(small(site), tmp_path / "mnist") == replace(first, new=False)
    assert site.asked == 1


def test_a_whole_archive_is_not_fetched_again(site, tmp_path):
    (tmp_path / "mnist.zip").write_bytes(archive())
    assert get_corpus(small(site), tmp_path / "mnist").clips == 12
    assert (site.asked, left(tmp_path)) == (0, ["mnist", "mnist.lock.json"])


def test_folder_with_other_contents_is_refused(site, tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match=r"holds something else \(0 of 12 clips\)"):
        get_corpus(small(site), tmp_path / "mnist")
    assert (left(tmp_path / "mnist"), site.asked) == (["thesis.txt"], 0)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({CLIP: wav(samples=0)}, f"{CLIP} is empty"),
        ({CLIP: b"RIFF nonsense"}, f"{CLIP} is not readable as audio"),
        ({CLIP: bytes(6_000_000)}, "at most"),
        ({CLIP: None}, "11 of 12 clips"),
        ({"data/audioMNIST_meta.txt": None}, "12 of 12 clips, no data/audioMNIST_meta.txt"),
    ],
)
def test_wrong_contents(site, tmp_path, changes, part):
    site.body = archive(changes)
    with pytest.raises(DatasetError) as caught:
        get_corpus(small(site), tmp_path / "mnist")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []  # nothing half done, and the next run fetches anew


def flipped(body: bytes) -> bytes:
    """One bit of a clip's samples turned over: all sizes stay right, the checksum does not."""
    place = body.index(CLIP.encode()) + len(CLIP) + 100
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


@pytest.mark.parametrize("damage", [flipped, lambda body: body[: len(body) // 2], lambda body: b"<html>busy</html>"])
def test_corrupt_zip(site, tmp_path, damage):
    site.body = damage(archive())
    with pytest.raises(DatasetError, match="it was deleted, run again"):
        get_corpus(small(site), tmp_path / "mnist")
    assert left(tmp_path) == []
    site.body = archive()
    assert get_corpus(small(site), tmp_path / "mnist").clips == 12


def test_no_member_leads_out_of_the_folder(site, tmp_path):
    evil = {
        "../../evil.wav": wav(),
        "data/../../evil.wav": wav(),
        "data/01/../../../0_01_0.wav": wav(),
        "/data/01/5_01_0.wav": wav(),
    }
    site.body = archive(evil)
    get_corpus(small(site), tmp_path / "a" / "mnist")
    files = [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 15
    assert all(file.startswith(("a/mnist/data/", "a/mnist/LICENSE", "a/mnist.lock.json")) for file in files)


def test_full_disk_is_seen_before_the_download(site, tmp_path):
    with pytest.raises(DatasetError, match=r"GB free, 1000000000\.0 GB needed"):
        get_corpus(small(site, space=10**18), tmp_path / "mnist")
    assert site.asked == 0


def test_unwritable_place_is_one_line(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        get_corpus(small(site), tmp_path / "file" / "mnist")


# Its small part ------------------------------------------------------------------------------------------------------------


def test_mini_fetches_its_files_alone_and_goes_on_with_those_that_arrived(site, tmp_path, naps):
    some = CLIPS[::2]
    site.files = {f"/one/{path}": wav(seed) for seed, path in enumerate(some)}
    site.files["/one/data/audioMNIST_meta.txt"] = json.dumps(PEOPLE).encode()
    source = small(site, single=site.url.replace("master", "one/"), mini=tuple(some))
    site.files[f"/one/{some[3]}"] = b"<html>busy</html>"
    with pytest.raises(DatasetError, match=f"{some[3]} is not readable as audio"):
        get_mini(source, tmp_path / "mini")
    assert left(tmp_path) == [".mini.arriving"]
    site.files[f"/one/{some[3]}"] = wav(3)
    assert get_mini(source, tmp_path / "mini").clips == 6
    assert site.asked == 7 + 1
    assert (left(tmp_path), len(open_corpus(tmp_path / "mini").clips)) == (["mini", "mini.lock.json"], 6)
    assert lock(tmp_path / "mini")["contents"] == contents_of(tmp_path / "mini" / path for path in some)


def test_mini_of_audiomnist_is_one_take_of_each_speaker_and_digit():
    parts = [SOURCES["audiomnist"].members.fullmatch(path) for path in SOURCES["audiomnist"].mini]
    assert len({(part["speaker"], part["path"].split("/")[2][0]) for part in parts}) == len(parts) == 600


# The table -----------------------------------------------------------------------------------------------------------------

PUBLISHED = {  # a path of each corpus as its authors' archive has it, and what its adapter must make of it
    "fsdd": ("free-spoken-digit-dataset-1.0.10/recordings/7_jackson_32.wav", "FSDD"),
    "audiomnist": (f"AudioMNIST-630d7dab4c040882834de6fa21baf9a60372accd/{CLIP}", "AudioMNIST"),
    "emodb": ("emodb/wav/03a01Fa.wav", "EMO-DB"),
    "ravdess": ("Actor_12/03-01-06-01-02-01-12.wav", "RAVDESS"),
    "baved": ("Basic-Arabic-Vocal-Emotions-Dataset-9c91b2167e/0/0-m-21-0-1-105.wav", "BAVED"),
    "nemo": ("nEMO-06f1f83dde/samples/EB0_anger_1.wav", "nEMO"),
}


TEXTS = {
    "data.tsv": "file_id\tspeaker_id\tgender\tage\nx\tEB0\tfemale\t27\n",
    "data/audioMNIST_meta.txt": json.dumps(PEOPLE),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_corpus_of_the_table_arrives_as_its_adapter_reads_it(site, tmp_path, name):
    path, title = PUBLISHED[name]
    top = path[: -len(SOURCES[name].members.fullmatch(path)["path"])]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr(path, wav())
        opened.writestr(f"{top}LICENCE.exe", b"no")
        for text in SOURCES[name].needs:
            opened.writestr(top + text, TEXTS[text])
    site.body = file.getvalue()
    get_corpus(replace(SOURCES[name], url=site.url, hash="", contents="", clips=1, space=0), tmp_path / name)
    corpus = open_corpus(tmp_path / name)
    assert (corpus.name, len(corpus.clips)) == (title, 1)
    assert not list(tmp_path.rglob("*.exe"))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_corpus_is_pinned_and_says_what_proves_it(source):
    pinned = re.search(r"/zip/(refs/tags/v[\d.]+|[0-9a-f]{40})$|^https://zenodo\.org/records/\d+/files/", source.url)
    assert pinned, source.url
    assert re.fullmatch(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})?", source.hash)
    unproved = "measured by others" if source.hash else "recorded at the first fetch"
    assert source.proof.startswith("published by Zenodo" if "zenodo" in source.url else unproved)
    assert "" not in (source.licence, source.citation)


# The script ----------------------------------------------------------------------------------------------------------------


def start_script(*arguments: str) -> subprocess.Popen:
    """The script in a process of its own, where AudioMNIST has twelve clips."""
    code = (
        "import sys; from dataclasses import replace; import get_corpus as s; from voicecam.corpora.sources import SOURCES as a; "
        "a['audiomnist'] = replace(a['audiomnist'], clips=12, space=0); sys.exit(s.main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=SCRIPTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_script_stopped_with_ctrl_c_goes_on_and_says_licence_and_citation_last(site, tmp_path):
    site.body, site.parts, site.cuts, site.hold = archive({"README.md": BODY}), True, [200_000], threading.Event()
    right = "md5:" + hashlib.md5(site.body).hexdigest()
    arguments = ("audiomnist", "--folder", str(tmp_path / "mnist"), "--url", site.url, "--hash", right)
    script = start_script(*arguments)
    wait_for(lambda: any(file.stat().st_size >= 65_536 for file in tmp_path.glob(".mnist.zip.fetching/*")))
    script.send_signal(signal.SIGINT)
    out, err = script.communicate(timeout=60)
    site.hold.set()
    assert (script.returncode, out, len(err.splitlines())) == (130, "", 1)
    assert left(tmp_path) == [".mnist.zip.fetching"]
    out, err = (script := start_script(*arguments)).communicate(timeout=60)
    assert (script.returncode, err, len(site.ranges)) == (0, "", 1)
    about, cite, proof, last = out.splitlines()
    assert "licence: MIT" in about
    assert "arXiv:1807.03418" in cite
    assert proof == f"hash: {right} (given by --hash)"
    assert last == f"wrote {tmp_path / 'mnist'}: 12 clips; use it with --corpus {tmp_path / 'mnist'}"


def wait_for(done) -> None:
    for _ in range(600):
        if done():
            return
        threading.Event().wait(0.1)
    pytest.fail("nothing happened for 60 s")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("audiomnist",), "404"),
        (("fsdd", "--mini"), "fsdd: has no small part"),
        (("fsdd", "--hash", "crc:1"), "'crc:1' must be md5:HEX, sha256:HEX or none"),
        (("commonvoice",), "'commonvoice'"),
    ],
)
def test_script_error_is_one_line_and_status_2(site, tmp_path, arguments, part):
    site.status = [404]
    found, said, error = run_script("get_corpus", *arguments, "--folder", tmp_path / "x", "--url", site.url, cwd=tmp_path)
    one_line_error(found, error)
    assert (said, part in error) == ("", True), error


def test_a_corpus_that_is_not_fetched_yet_is_named_with_the_command_that_does(tmp_path):
    said = output_of("make_images", "--corpus", "audiomnist-mini", cwd=tmp_path, status=2)
    assert "fetch it with voicecam corpus get audiomnist --mini, then give cache/audiomnist-mini" in said


def test_script_help_names_every_corpus_and_an_example(tmp_path):
    said = " ".join(output_of("get_corpus", "--help", cwd=tmp_path).split())
    assert all(f"{name} ({source.space / 1e6:.0f} MB" in said for name, source in SOURCES.items())
    assert "example: python scripts/get_corpus.py fsdd" in said
