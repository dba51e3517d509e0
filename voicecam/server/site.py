"""The static site: the page of voicecam/web with the networks that browsers run, as plain files for any web host or a USB stick.

What it loads is in it: ONNX Runtime for browsers (npm, pinned by hash), Silero's detector (its package), our models, six clips.
It asks no other host, and works without a network once it was opened. Trains nothing, and does not make the book in site/book.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from voicecam.audio.detector import network_file
from voicecam.config import CACHE
from voicecam.corpora.building import new_folder
from voicecam.errors import DatasetError, VoicecamError
from voicecam.files import digest, file_sha256, write_bytes, write_json, write_text
from voicecam.server.headers import site_headers

WEB = Path(__file__).parent.parent / "web"
RUNTIME = "onnxruntime-web-1.22.0.tgz"
RUNTIME_SHA512 = "Ud/+EBo6mhuaQWt/OjaOk0iNWjXqJoeeMFr6xQEERZdIZH2OWpGzuujz7lfuOBjUa6TEE/sc4nb7Da5dNL34fg=="  # npm's integrity
ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/{RUNTIME}"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
KEPT = ("book",)  # folders of the site that others write


def make_site(out: Path, models: Sequence[Path], *, cache: Path = CACHE) -> int:
    """Write the site into `out`; returns its bytes, without those of the book.

    models : folders of saved picture networks, the one that is offered first at the front
    cache : folder that keeps the runtime, which is fetched once (4 MB packed)
    Raises VoicecamError where the runtime is not the pinned one or `out` holds something else, DatasetError where it cannot be
    fetched, ModelError for a model that a browser cannot run.
    """
    from voicecam.runs.web_export import export_web
    from voicecam.server.site_clips import write_clips

    _make_room(out)
    shutil.copytree(WEB, out, dirs_exist_ok=True)
    for name, data in _runtime(cache).items():
        write_bytes(out / "vendor" / name, data)
    write_bytes(out / "vendor" / "silero.onnx", network_file().read_bytes())
    for folder in models:
        export_web(folder, out / "models" / folder.name)
    for name in ("model.safetensors", "meta.json"):  # what the view "Teach" saves with another last layer
        shutil.copyfile(models[0] / name, out / "models" / models[0].name / name)
    write_json(out / "models" / "models.json", [folder.name for folder in models])
    write_clips(out / "examples", models[0])
    size = _write_worker(out)
    headers = site_headers((WEB / "index.html").read_text(encoding="utf-8"))
    write_text(out / "_headers", headers)  # after the worker's list: hosts that read it give it to nobody
    return size + len(headers)


def _make_room(out: Path) -> None:
    """Empty the folder of an earlier site, but for what others write there."""
    if out.is_dir() and any(out.iterdir()) and not (out / "service-worker.js").is_file() and not (out / "book").is_dir():
        raise VoicecamError(f"{out}: holds something that is no site; give an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    for path in out.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _runtime(cache: Path) -> dict[str, bytes]:
    """The files of ONNX Runtime that browsers load, by name, from its package of npm."""
    package = cache / RUNTIME.removesuffix(".tgz") / RUNTIME
    if not package.is_file():
        try:
            _fetch(package)
        except DatasetError:
            if not package.is_file():  # another process was first
                raise
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != RUNTIME_SHA512:
        package.unlink()
        raise VoicecamError(f"{package}: not the pinned package (its SHA-512 is {found[:16]}...); run again to fetch it anew")
    with tarfile.open(package) as archive:
        opened = {name: archive.extractfile(f"package/dist/{name}") for name in RUNTIME_FILES}
        return {name: file.read() for name, file in opened.items() if file}


def _fetch(package: Path) -> None:
    """By npm where it is installed, which knows its mirror and proxy; else by its address. In a folder of its own."""
    npm = shutil.which("npm")
    if npm is None:
        from voicecam.corpora.fetch import fetch

        fetch(ADDRESS, package)
        return
    with new_folder(package.parent) as building:
        name = RUNTIME.removesuffix(".tgz").replace("web-", "web@")
        done = subprocess.run([npm, "pack", name, "--silent"], cwd=building, capture_output=True, text=True, check=False)
        if done.returncode or not (building / RUNTIME).is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise VoicecamError(f"{name}: npm could not fetch it ({last}); check the network, then run again")


def _write_worker(out: Path) -> int:
    """Tell the service worker which files there are, and its version: theirs. Returns all files' bytes."""
    worker = out / "service-worker.js"
    paths = sorted(
        path for path in out.rglob("*") if path.is_file() and path.relative_to(out).parts[0] not in KEPT and path != worker
    )
    names = [path.relative_to(out).as_posix() for path in paths]
    version = digest([[name, file_sha256(path)] for name, path in zip(names, paths)])
    listed = ", ".join(f'"{name}"' for name in names)
    text = worker.read_text(encoding="utf-8").replace('"VERSION"', f'"{version}"').replace("[/* FILES */]", f"[{listed}]")
    write_text(worker, text)
    return sum(path.stat().st_size for path in [*paths, worker])
