"""The live page in headless Chromium while a voice speaks: answers a second, their delay, memory over half an hour; site's size.

usage: make site && python benchmarks/live.py [CHROMIUM]
"""

import functools
import http.server
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile as sf
from playwright.sync_api import sync_playwright

from voicecam import audio
from voicecam.config import DEMO

SITE = Path(__file__).parent.parent / "site"
SECONDS = 20
BLOCK_MS = 16  # of sound that the microphone hands over at a time
NOW = """async () => {
  const { listener, drawn } = (await import("./live/live.js")).state, median = (a) => [...a].sort((x, y) => x - y)[a.length >> 1];
  const { pictures, latencies, began } = listener.said;
  return { pictures, seconds: (performance.now() - began) / 1000, answered: median(latencies), drawn: median(drawn) };
}"""

MINUTES = 30
HEAP = """async ([sound, minutes]) => {
  const { listener } = (await import("./live/live.js")).state, second = Float32Array.from(sound), heard = [];
  for (let minute = 0; minute <= minutes; minute++) {
    for (let i = 0; i < 60; i++) {
      listener.take(second.slice());
      while (listener.busy) await new Promise((go) => setTimeout(go));
    }
    gc();
    heard.push(performance.memory.usedJSHeapSize / 1e6);
  }
  return [heard[0], heard.at(-1)];
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves without a word."""

    def log_message(self, *args: object) -> None:
        """Nothing."""


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Measure and print."""
    sizes = [path.stat().st_size for path in SITE.rglob("*") if path.is_file() and "book" not in path.relative_to(SITE).parts]
    print(f"site: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
    words = [audio.read(path).samples for path in sorted((DEMO / "data" / "64").glob("*.ogg"))]
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags += ["--enable-precise-memory-info", "--js-flags=--expose-gc"]
    with (
        tempfile.TemporaryDirectory() as folder,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE)) as server,
        sync_playwright() as play,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sf.write(f"{folder}/said.wav", np.concatenate(words), 16_000, subtype="PCM_16")
        browser = play.chromium.launch(
            executable_path=chromium, args=[*flags, f"--use-file-for-fake-audio-capture={folder}/said.wav"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        start = time.perf_counter()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("body[data-ready]")
        print(f"page and network ready: {time.perf_counter() - start:.2f} s")
        page.locator("#microphone").click()
        page.wait_for_timeout(1000 * SECONDS)
        now = page.evaluate(NOW)
        print(f"answers: {now['pictures'] / now['seconds']:.1f} a second over {now['seconds']:.0f} s")
        spectrum, answer = now["drawn"] + BLOCK_MS, now["answered"] + BLOCK_MS
        print(f"from the end of a sound: spectrum drawn {spectrum:.0f} ms, answer {answer:.0f} ms")
        page.locator("#microphone").click()  # stop; then the same words, a second at a time, as fast as they are heard
        first, last = page.evaluate(HEAP, [np.resize(words[0], 16_000).tolist(), MINUTES])
        print(f"memory: {first:.1f} MB of JavaScript after 1 minute of sound, {last:.1f} MB after {MINUTES + 1}")
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
