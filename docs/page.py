"""Make docs/page.png, the picture of the page in docs/COMMANDS.md: a synthetic voice, dropped on the page in headless Chromium.

usage: python docs/page.py [CHROMIUM]
"""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf
from playwright.sync_api import sync_playwright

from voicecam.corpora.espeak import RATE, Word, speak

ROOT = Path(__file__).parent.parent
SENTENCE = Word("see what the model hears", "en-us+f1", 140, 60, 50)


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Serve, drop, photograph."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "serve.py"),
        "--port",
        "0",
        "--model",
        str(ROOT / "voicecam" / "models" / "voice"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[1]  # "open http://127.0.0.1:PORT/ (Ctrl-C stops)"
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport={"width": 860, "height": 1250}, color_scheme="light")
                photograph(page, address)
                browser.close()
        finally:
            server.terminate()


def photograph(page, address: str) -> None:
    """Open the page, give it the sentence, and write the picture."""
    page.set_default_timeout(180_000)
    page.goto(address, wait_until="commit")
    page.wait_for_selector("body[data-ready]")
    page.locator("#file").set_input_files({"name": "see-what-the-model-hears.wav", "mimeType": "audio/wav", "buffer": sentence()})
    page.wait_for_selector("#history li")
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=Path(__file__).with_name("page.png"))


def sentence() -> bytes:
    """The sentence as a WAV file."""
    buffer, [samples] = io.BytesIO(), speak([SENTENCE])
    samples = np.asarray(samples, dtype=np.float32)
    sf.write(buffer, 0.3 * samples / np.abs(samples).max(), RATE, format="WAV")
    return buffer.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
