"""The page's JavaScript: what its decoders make of answers of the server, models and lists changed at random, in Node.js.
The true ones come from the server itself, asked here. Draws no page; tests/test_web_*.py do."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from odd import RATE, ROOT, encoded, plain
from rows import Row, finish

COMMAND = "python torture/page.py"
SECONDS = 900  # at most


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=120_000, help="how many")
    parser.add_argument("--few", action="store_true", help="1,000 inputs: for make test")
    parser.add_argument("--seed", type=int, default=1, help="of the changes")
    args = parser.parse_args()
    if not shutil.which("node"):
        print("no node here: nothing was tried")
        return 0
    return finish("page", [decoded(1000 if args.few else args.inputs, args.seed)], keep=not args.few)


def decoded(n: int, seed: int) -> Row:
    """So many inputs to the page's decoders."""
    with tempfile.TemporaryDirectory() as folder:
        truths = Path(folder) / "true.json"
        truths.write_text(json.dumps(true_answers(Path(folder))), encoding="utf-8")
        argv = ["node", str(ROOT / "torture" / "decoders.mjs"), str(truths), str(n), str(seed)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return Row(
                "the page's decoders of answers and models", 0, "an endless loop", COMMAND, [f"did not end in {SECONDS} s"]
            )
    found: dict[str, Any] = {"inputs": 0, "taken": 0, "refused": 0, "fell": [done.stderr[-1500:]]}
    if done.returncode == 0:
        found = json.loads(done.stdout.splitlines()[-1])
    how = f"{found['taken']:,} taken and drawn, {found['refused']:,} refused in a line"
    return Row("the page's decoders of answers and models", found["inputs"], how, COMMAND, found["fell"])


def true_answers(folder: Path) -> dict[str, Any]:
    """What the server answers about one voice, and what a model's folder says; large lists made short."""
    from fastapi.testclient import TestClient

    from voicecam.config import SHIPPED_DIGITS, SHIPPED_MODEL
    from voicecam.network.classifier import load_classifier
    from voicecam.runs.web_export import export_web
    from voicecam.server.analysis import Explainer
    from voicecam.server.app import make_app

    app, sound = make_app(Explainer(load_classifier(SHIPPED_MODEL), None)), encoded(plain()[: 2 * RATE])
    with TestClient(app, base_url="http://127.0.0.1") as client:
        asked = {name: _asked(client, path, sound) for name, path in PATHS.items()}
        answers = {"facts": client.get("/api/model").json()} | {name: answer.json() for name, answer in asked.items()}
    answers["sounds"]["sounds"] = {name: text[:400] for name, text in answers["sounds"]["sounds"].items()}
    answers["shifted"]["wav"] = answers["shifted"]["wav"][:400]
    picture, wave = answers["classified"]["explanation"]["picture"], answers["classified"]["waveform"]
    picture["values"] = [row[:12] for row in picture["values"][:9]]
    picture["rows"]["values"], picture["columns"]["values"] = picture["rows"]["values"][:9], picture["columns"]["values"][:12]
    wave["low"], wave["high"] = wave["low"][:40], wave["high"][:40]
    model = json.loads((export_web(SHIPPED_DIGITS, folder / "model") / "model.json").read_text(encoding="utf-8"))
    clips = [
        {
            "file": "plain.wav",
            "kind": "plain",
            "truth": ["three"],
            "made": {"snr": 5},
            "prediction": "3",
            "label": "3",
            "probability": 0.9,
        }
    ]
    return {**answers, "model": {**model, "scale": None, "mel": None}, "clips": clips}


def _asked(client: Any, path: str, sound: bytes) -> Any:
    """The answer; again where the computer was too busy for the first, as a person would."""
    answer = client.post(f"/api/{path}", files={"file": ("x", sound)})
    return answer if answer.status_code == 200 else client.post(f"/api/{path}", files={"file": ("x", sound)}).raise_for_status()


PATHS = {"classified": "classify", "sounds": "sounds", "shifted": "shift?semitones=3"}

if __name__ == "__main__":
    sys.exit(main())
