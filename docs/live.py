"""Make docs/live.png, the picture of the live page in the README: demo voices say digits into headless Chromium's microphone.

usage: make site && python docs/live.py [CHROMIUM]
"""

import functools
import http.server
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import soundfile as sf
from playwright.sync_api import sync_playwright

from voicecam import audio
from voicecam.config import DEMO

ROOT = Path(__file__).parent.parent
WORDS = ("3_64_0", "5_56_0", "7_64_0", "9_56_0", "1_64_0")  # digit, voice, take
SECONDS = 6.6  # from the start to the picture


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Serve, listen, photograph."""
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=ROOT / "site")
    with (
        tempfile.TemporaryDirectory() as folder,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as play,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sf.write(Path(folder) / "said.wav", said(), 16_000, subtype="PCM_16")
        flags.append(f"--use-file-for-fake-audio-capture={folder}/said.wav")
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 900, "height": 760}, color_scheme="light")
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("body[data-ready]")
        page.locator("#microphone").click()
        page.wait_for_timeout(1000 * SECONDS)
        page.screenshot(path=Path(__file__).with_name("live.png"))
        browser.close()
        server.shutdown()


def said() -> np.ndarray:
    """The words with pauses, float32 at 16 kHz, each at -20 dBFS, over soft noise."""
    parts = []
    for name in WORDS:
        word = audio.read(DEMO / "data" / name.split("_")[1] / f"{name}.ogg", rate=16_000)
        parts += [np.zeros(9_000, np.float32), audio.set_level(word, -20).samples]
    samples = np.concatenate([*parts, np.zeros(16_000, np.float32)])
    return samples + 0.0005 * np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)


if __name__ == "__main__":
    main(*sys.argv[1:])
