"""Serve the page on this computer: record in the browser or drop a file, and see and hear what the model hears."""

import argparse
import os
import re
import socket
from ipaddress import ip_address
from itertools import count
from pathlib import Path

from voicecam.commands import cli
from voicecam.config import SHIPPED_DIGITS, SHIPPED_MODEL, SITE
from voicecam.errors import VoicecamError

EXAMPLE = "--port 8000"
STOPPED = "stopped"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--port", type=cli.whole(0, 65_535), default=8000, help="port; 0 takes a free one")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on: any but 127.0.0.1 lets other computers in who have the token of the address shown. Browsers "
        "record over https alone: put a proxy that has a certificate before it, such as caddy reverse-proxy --to 127.0.0.1:8000",
    )
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
    door = _door(args.host, args.port)
    import uvicorn

    from voicecam.explanation.training_ranges import load_ranges
    from voicecam.network.classifier import load_classifier
    from voicecam.server.analysis import Explainer
    from voicecam.server.app import make_app
    from voicecam.server.guards import PARAMETER, new_token
    from voicecam.server.patience import SETTINGS, PatientProtocol

    places = args.model or [SHIPPED_DIGITS, SHIPPED_MODEL]
    served = [Explainer(load_classifier(place), load_ranges(place), name) for place, name in zip(places, _names(places))]
    host, port = door.getsockname()[:2]
    token = None if ip_address(host).is_loopback else new_token()
    app = make_app(*served, site=args.site, token=token)
    name = socket.gethostname() if ip_address(host).is_unspecified else args.host
    place = f"[{name}]" if ":" in name else name
    cli.log(f"open http://{place}:{port}/{f'?{PARAMETER}={token}' if token else ''} (Ctrl-C stops)")
    settings = uvicorn.Config(app, http=PatientProtocol, ws="none", **SETTINGS)
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


def _door(host: str, port: int) -> socket.socket:
    try:
        kind, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        door = socket.socket(kind)
        if os.name == "posix":  # elsewhere it would let two programs share the port
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(place)
        door.listen()  # a browser that comes before the model is loaded waits
    except OSError as reason:
        raise VoicecamError(f"{host}, port {port}: cannot be used ({reason}); choose another with --port or --host") from None
    return door
