"""Serve the page on this computer: record in the browser or drop a file, and see and hear what the model hears."""

import argparse
import os
import re
import socket
from itertools import count
from pathlib import Path

from voicecam.commands import cli
from voicecam.config import SHIPPED_DIGITS, SHIPPED_MODEL, SITE
from voicecam.errors import VoicecamError

EXAMPLE = "--port 8000"
STOPPED = "stopped"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--port", type=cli.whole(0, 65_535), default=8000, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        help="folder of a saved model; give several to switch between them on the page (default: digits, and voice)",
    )
    parser.add_argument(
        "--site",
        type=Path,
        default=SITE,
        help="folder of make site: its views run in the page too, and it is at /live/ (default: site)",
    )


def work(args: argparse.Namespace) -> str:
    """Serve until Ctrl-C; returns the last line. Raises VoicecamError where the port is taken."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: requests run beside each other, one thread each
    door = _door(args.port)
    import uvicorn

    from voicecam.explanation.training_ranges import load_ranges
    from voicecam.network.classifier import load_classifier
    from voicecam.server.analysis import Explainer
    from voicecam.server.app import make_app

    places = args.model or [SHIPPED_DIGITS, SHIPPED_MODEL]
    served = [Explainer(load_classifier(place), load_ranges(place), name) for place, name in zip(places, _names(places))]
    app = make_app(*served, site=args.site)
    settings = uvicorn.Config(app, log_level="warning", server_header=False, timeout_keep_alive=5, timeout_graceful_shutdown=3)
    cli.log(f"open http://127.0.0.1:{door.getsockname()[1]}/ (Ctrl-C stops)")
    uvicorn.Server(settings).run(sockets=[door])
    return "stopped"


def _names(places: list[Path]) -> list[str]:
    """What the page calls each model: its folder, or the run that a fold is of; with -2 and so on where that is taken."""
    found: list[str] = []
    for place in map(Path.absolute, places):
        name = place.parent.name if re.fullmatch(r"fold\d+", place.name) else place.name
        free = (f"{name}-{n}" if n > 1 else name for n in count(1))
        found.append(next(one for one in free if one not in found))
    return found


def _door(port: int) -> socket.socket:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
        door.listen()  # a browser that comes before the model is loaded waits
    except OSError as reason:
        raise VoicecamError(f"port {port}: cannot be used ({reason}); choose another with --port") from None
    return door
