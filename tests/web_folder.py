"""The browser's code on a loopback server and a page in Chromium to run it in; shared by the tests of voicecam/web/."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WEB = Path(__file__).parent.parent / "voicecam" / "web"
MS = 120_000  # patience; no test measures time by it
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required")
MICROPHONE = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
EMPTY = b'<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><body></body></html>'


class _Files(SimpleHTTPRequestHandler):
    """Files of the folder; /empty.html, which lies nowhere, is an empty page."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".mjs": "text/javascript"}

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/empty.html":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)
        return None

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path = WEB) -> Iterator[str]:
    """A folder at http://127.0.0.1:PORT."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chromium_browser(path: str, *more: str) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright import sync_api as playwright

    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=[*FLAGS, *more])
        yield browser
        browser.close()


def visit(browser: Any, address: str, **settings: Any) -> Any:
    """A page at an address, which notes what the console said (page.said) and what was asked for (page.asked)."""
    page = browser.new_context(**{"viewport": {"width": 820, "height": 1000}} | settings).new_page()
    page.set_default_timeout(MS)
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    return page
