"""The server against clients that mean harm or are broken: slow, silent, large, broken off, from other pages, without a token."""

import logging
import re
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from test_server import RATE, RAW, VOICE, running, send, spoken, wav

from voicecam.network.classifier import load_classifier
from voicecam.server.analysis import Explainer
from voicecam.server.patience import HEADER_BYTES, SETTINGS, PatientProtocol

ROOT = Path(__file__).parent.parent


class Hasty(PatientProtocol):
    headers_s, request_s = 0.5, 3.0


@contextmanager
def hasty(token=None):
    """A real server with the product's settings, but for its deadlines; gives its port."""
    with running(Explainer(load_classifier(VOICE)), token=token, http=Hasty, ws="none", **SETTINGS) as address:
        yield int(address.rsplit(":", 1)[1])


@pytest.fixture(scope="module")
def port():
    with hasty() as port:
        yield port


@pytest.fixture(scope="module")
def guarded():
    with hasty(token="secret-word") as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def open_line(port):
    return closing(socket.create_connection(("127.0.0.1", port), timeout=20))


def seconds_until_closed(line, drip=b""):
    """How long a connection stays open, while a byte of `drip` is sent every 0.2 s."""
    begun, rest = time.monotonic(), list(drip)
    line.settimeout(0.2)
    while time.monotonic() - begun < 15:
        try:
            if rest:
                line.sendall(bytes([rest.pop(0)]))
            if line.recv(65_536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


def test_a_silent_connection_and_dripping_headers_are_closed(port):
    for before, drip in ((b"", b""), (b"GET /api/model HTTP/1.1\r\nHost: localhost\r\n", b"X-Slow: " + b"a" * 100)):
        with open_line(port) as line:
            line.sendall(before)
            assert 0.3 < seconds_until_closed(line, drip) < 3


def test_a_second_request_may_not_drip_either(port):
    with open_line(port) as line:
        line.sendall(b"GET /api/model HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(65_536).startswith(b"HTTP/1.1 200")
        assert 0.3 < seconds_until_closed(line, b"GET /api/model HTTP/1.1" + b" " * 100) < 3


@pytest.mark.parametrize("start", [b"POST /api/classify?rate=16000", b"GET /api/model", b"POST /nothing"])
def test_a_dripping_body_ends(port, start):
    with open_line(port) as line:
        kind = b"Content-Type: application/octet-stream\r\n"
        line.sendall(start + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n" + kind + b"\r\n")
        assert seconds_until_closed(line, bytes(100)) < 8


def test_many_silent_connections_keep_nobody_out_for_long(port):
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(SETTINGS["limit_concurrency"] + 20)]
    try:
        time.sleep(2)
        assert httpx.get(f"http://127.0.0.1:{port}/api/model", timeout=20).status_code == 200
    finally:
        for line in lines:
            line.close()


def test_large_headers_are_refused(port):
    with open_line(port) as line:
        line.sendall(b"GET /api/model HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(40):
            try:
                line.sendall(b"X-Large: " + b"a" * (HEADER_BYTES // 20) + b"\r\n")
                time.sleep(0.005)
            except OSError:
                break
        try:
            answer = line.recv(65_536)
        except OSError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'  # how a form that is sent begins


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_an_upload_that_breaks_off_leaves_no_trace(port, caplog, kind):
    begin = f"POST /api/classify?rate=16000 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 900000\r\n\r\n"
    for sent in (0, 1, 10_000):
        with open_line(port) as line:
            line.sendall(begin.encode() + (FORM + bytes(10_000))[:sent])
            time.sleep(0.2)
    time.sleep(1)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert httpx.get(f"http://127.0.0.1:{port}/api/model").status_code == 200


@pytest.mark.parametrize(
    ("site", "mode", "method", "status"),
    [
        ("cross-site", "cors", "POST", 403),
        ("cross-site", "no-cors", "GET", 403),
        ("same-site", "cors", "POST", 403),  # another port of this computer
        ("cross-site", "navigate", "POST", 403),  # a form of another page
        ("cross-site", "navigate", "GET", 200),  # a link to the page
        ("same-origin", "cors", "GET", 200),
        ("none", "navigate", "GET", 200),
    ],
)
def test_other_pages_are_refused_by_what_the_browser_says_of_them(port, site, mode, method, status):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, **RAW}
    place = "/" if method == "GET" else f"/api/classify?rate={RATE}"
    answer = httpx.request(method, f"http://127.0.0.1:{port}{place}", headers=headers, content=b"\0" * 4 * (method == "POST"))
    assert answer.status_code == status


def test_without_the_token_nothing_is_told(guarded):
    for path in ("/", "/api", "/api/model", "/api/openapi.json", "/static/voice.js", "/nothing", "/?token=secret", "/?token="):
        answer = guarded.get(path)
        assert answer.status_code == 401
        assert "secret-word" not in answer.text
    for headers in ({"authorization": "Bearer secret-wore"}, {"authorization": "secret-word"}, {"cookie": "voicecam=é"}):
        assert guarded.get("/api/model", headers={k: v.encode() for k, v in headers.items()}).status_code == 401
    assert send(guarded, wav(spoken())).status_code == 401


def test_the_token_is_given_once_and_then_a_cookie_of_this_page_alone_has_it(guarded):
    answer = guarded.get("/?lang=de&token=secret-word")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?lang=de"
    cookie = answer.headers["set-cookie"].lower()
    assert "samesite=strict" in cookie
    assert "httponly" in cookie
    with httpx.Client(base_url=guarded.base_url, cookies={"voicecam": "secret-word"}) as friend:
        assert friend.get("/").status_code == 200
        assert send(friend, wav(spoken())).json()["label"] is not None
    program = {"authorization": "Bearer secret-word", "host": "voice.example"}
    assert guarded.get("/api/model", headers=program).status_code == 200
    guarded.cookies.clear()


@pytest.mark.slow
def test_serve_asks_for_a_token_where_other_computers_can_reach_it():
    argv = [sys.executable, str(ROOT / "scripts" / "serve.py"), "--port", "0", "--model", str(VOICE)]
    for host, guarded in (("0.0.0.0", True), ("localhost", False)):  # 127.0.0.1: test_server.test_serve_takes_several_models
        server = subprocess.Popen([*argv, "--host", host], stdout=subprocess.PIPE, text=True)
        try:
            said = server.stdout.readline()
            port, token = re.search(r":(\d+)/(?:\?token=([\w-]{22}))?", said).groups()
            assert bool(token) == guarded
            answer = httpx.get(f"http://127.0.0.1:{port}/api/model", timeout=60)
            assert answer.status_code == (401 if guarded else 200)
        finally:
            server.terminate()
            server.wait(20)
