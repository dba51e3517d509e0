"""Commands where the computer does not play along: a disk that is full, files and folders of others, no HOME, C's alphabet, a
clock that goes back, few open files, Ctrl-C, a GPU without memory, and two of a command at once. Linux, as root."""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from odd import PLAIN, ROOT, encoded, plain
from rows import Row, finish
from small import COMMANDS, contents, environment, prepared, small_corpus, start, words
from watched import bugs, litter

COMMAND = "python torture/surroundings.py"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
DISKS = {"make_images": ("60k", "200k"), "run_all": ("300k", "1m", "2500k"), "train_encoder": ("150k", "500k")} | {
    "export_web": ("200k", "1m"),
    "make_site": ("1m", "6m"),
}
STOPPED = ("make_images", "train", "evaluate", "explain", "run_all", "train_encoder", "export_web", "make_site")
ALSO_STOPPED = {
    "classify": ["CORPUS_FOLDER"],
    "serve": ["--port", "0"],
    "robustness": ["--run", "x", "--limit", "40"],
    "compare": ["--run", "x", "x"],
    "leakage": ["--corpus", "CORPUS", "--run", "l", "--epochs", "1", "--image-size", "32", "32"],
    "evaluate_external": ["--model", "voicecam/models/voice", "--corpus", "CORPUS", "--run", "ext"],
    "make_espeak_corpus": ["--out", "es", "--voices", "8", "--takes", "1"],
    "ship_model": ["--run", "x", "--licence", "apache-2.0", "--out", "shipped"],
    "measure_bands": ["--model", "MODEL", "--corpus", "CORPUS"],
    "compare_systems": ["--corpus", "CORPUS", "--run", "s", "--systems", "pitch", "resemblyzer-logistic", "--limit", "8"],
    "run_notebooks": ["nbs/03_wav_to_image.ipynb", "--quick"],
    "centroids": ["--run", "x", "x"],
    "get_corpus": ["fsdd", "--url", "http://127.0.0.1:9/fsdd.zip"],
    "record_wav": ["--seconds", "1"],
}
REFUSED = ("centroids", "get_corpus", "record_wav")  # in a line, for want of other runs, of a network, of a microphone
SERVED: tuple[list[str], float] = ([], 9.0)  # nothing wrong; a server runs until it is stopped: in its first 9 s
BACKWARDS = "import time as t\nreal, begun = t.time, t.time()\nt.time = lambda: begun - 86400 - (real() - begun)\n"
NO_GPU_MEMORY = """
import sys, torch
def full(*_, **__):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity)")
if torch.cuda.is_available():
    torch.cuda.set_per_process_memory_fraction(3e7 / torch.cuda.mem_get_info()[1])
else:
    torch.Tensor.backward = full
from voicecam.commands import run_command
sys.exit(run_command("train", sys.argv[1:], called="python scripts/train.py"))
"""


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS), help="what is tried")
    parser.add_argument("--command", nargs="+", choices=(*STOPPED, *ALSO_STOPPED), help="of interrupts: which are stopped")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        corpus = small_corpus(folder / "corpus")
        tried = PARTS | ({"interrupts": partial(interrupts, commands=args.command)} if args.command else {})
        return finish("surroundings", (row for part in args.part for row in tried[part](folder, corpus)))


def ended(child: subprocess.Popen, *, statuses: tuple[int, ...]) -> list[str]:
    """Wait for a command; what is wrong with how it ended: its status, a traceback, or a mistake said in other than one line."""
    try:
        out, err = child.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        child.kill()
        return ["did not end in 600 s"]
    falls = bugs(out + err)
    if child.returncode not in statuses:
        falls.append(f"status {child.returncode}: {err.strip()[-300:]!r}")
    if child.returncode == 2 and sum(line.startswith("error: ") for line in err.splitlines()) != 1:
        falls.append(f"no single line of error: {err[-300:]!r}")
    return falls


def row(what: str, falls: list[list[str]], happened: str, part: str) -> Row:
    """One row of several tries."""
    return Row(what, len(falls), happened, f"{COMMAND} --part {part}", [fall for one in falls for fall in one])


def together(folder: Path, corpus: Path) -> Iterator[Row]:
    """Two of a command at the same time, on one data set and on one run."""
    for name in ("make_images", "run_all", "train_encoder"):
        alone, both = folder / f"{name}-alone", folder / f"{name}-both"
        for home in (alone, both):
            home.mkdir()
        falls = [ended(start(name, alone, corpus), statuses=(0,))]
        children = [start(name, both, corpus) for _ in range(2)]
        falls += [ended(child, statuses=(0, 2)) for child in children]
        if all(child.returncode == 2 for child in children):
            falls[-1].append("neither finished")
        if any(child.returncode == 2 for child in children):
            falls.append(ended(start(name, both, corpus), statuses=(0,)))
        a, b = contents(alone), contents(both)
        wrong = sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))
        falls[-1] += [f"other than alone: {path}" for path in wrong] + [f"left behind: {path}" for path in litter(both)]
        said = f"statuses {' and '.join(str(child.returncode) for child in children)}; the files are those of one alone"
        yield row(f"two of {name} at once", falls, said, "together")


@contextmanager
def disk(folder: Path, **how: str) -> Iterator[Path]:
    """A disk of its own in a folder, see mount -t tmpfs -o."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ",".join(f"{key}={value}" if value else key for key, value in how.items())
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def full_disk(folder: Path, corpus: Path) -> Iterator[Row]:
    """Disks that are too small; then made larger, and the command given again."""
    for name, sizes in DISKS.items():
        falls, refused = [], 0
        for size in sizes:
            with disk(folder / f"{name}-{size}", size=size) as home:
                child = start(name, home, corpus, TMPDIR=str(home))
                falls.append(ended(child, statuses=(0, 2)))
                refused += child.returncode == 2
                falls[-1] += [f"{size}: left behind: {path}" for path in litter(home)]
                subprocess.run(["mount", "-o", "remount,size=300m", str(home)], check=True)
                falls.append([f"{size}, given again: {fall}" for fall in ended(start(name, home, corpus), statuses=(0,))])
        said = f"{refused} of {len(sizes)} refused in a line; with room, the same command finished"
        yield row(f"a full disk under {name}", falls, said, "full-disk")


def of_others(folder: Path, corpus: Path) -> Iterator[Row]:
    """Folders that cannot be written, and files and folders that cannot be read: another user runs the commands."""
    falls = []
    for name in ("make_images", "run_all", "train_encoder", "export_web", "make_site"):
        home = folder / f"{name}-of-root"
        home.mkdir(mode=0o755)
        argv = [*NOBODY, *words(name, home, corpus)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        falls.append(ended(subprocess.Popen(argv, cwd=home, env=environment(HOME="/"), **pipes), statuses=(2,)))
    yield row("a folder of another user, that cannot be written", falls, "refused in a line each", "of-others")
    falls, place = [], folder / "unreadable"
    place.mkdir(mode=0o755)
    for name in ("shut.wav", "open.wav"):
        (place / name).write_bytes(encoded(plain()))
    (place / "shut.wav").chmod(0)
    (place / "folder").mkdir(mode=0)
    for target in ("shut.wav", "folder", "."):
        argv = [*NOBODY, sys.executable, str(ROOT / "scripts" / "classify.py"), str(place / target)]
        child = subprocess.Popen(argv, cwd="/", env=environment(HOME="/"), stdout=-1, stderr=-1, text=True)
        falls.append(ended(child, statuses=(2,)))
    yield row("files and folders that cannot be read", falls, "refused in a line each; the others were answered", "of-others")


def odd_places(folder: Path, corpus: Path) -> Iterator[Row]:
    """No HOME, C's alphabet, a clock that goes back, files from the future, few open files."""
    name = "ünï 👩.wav"
    spoken = folder / name
    shutil.copyfile(PLAIN, spoken)
    for path in corpus.parent.rglob("*.wav"):
        os.utime(path, random.choice([(0, 0), (2**32, 2**32)]))
    back = folder / "backwards"
    back.mkdir()
    (back / "sitecustomize.py").write_text(BACKWARDS)
    settings = {
        "no HOME": {"HOME": "", "XDG_CACHE_HOME": ""},
        "a HOME that is not there": {"HOME": "/not/there"},
        "C's alphabet (LC_ALL=C, PYTHONUTF8=0)": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "a clock that goes back, files from 1970 and 2106": {"PYTHONPATH": f"{back}{os.pathsep}{ROOT}"},
    }
    for what, values in settings.items():
        home = folder / what[:8].replace(" ", "")
        home.mkdir()
        falls = [ended(_classify(spoken, home, environment(**values)), statuses=(0,))]
        falls.append(ended(start("run_all", home, corpus, **values), statuses=(0,)))
        yield row(what, falls, "classify and run_all as ever", "odd-places")
    home = folder / "few"
    home.mkdir()
    limits = [(n, name) for n in (64, 32, 20) for name in ("make_images", "run_all", "classify")]
    falls, refused = [], 0
    for n, name in limits:
        argv = words(name, home, corpus) if name in COMMANDS else _argv_classify(corpus.parent)
        child = subprocess.Popen(
            argv, cwd=home, env=environment(), stdout=-1, stderr=-1, text=True, preexec_fn=lambda n=n: few_files(n)
        )
        falls.append([f"{name}, {n}: {fall}" for fall in ended(child, statuses=(0, 2))])
        refused += child.returncode == 2
        shutil.rmtree(home)
        home.mkdir()
    yield row("64, 32 and 20 open files (ulimit -n)", falls, f"{refused} refused in a line, the others done", "odd-places")


def few_files(n: int) -> None:
    """ulimit -n"""
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))


def _argv_classify(place: Path) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / "classify.py"), str(place)]


def _classify(place: Path, home: Path, env: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(_argv_classify(place), cwd=home, env=env, stdout=-1, stderr=-1, text=True)


def interrupts(folder: Path, corpus: Path, commands: Sequence[str] = (*STOPPED, *ALSO_STOPPED)) -> Iterator[Row]:
    """Ctrl-C at five moments in every command, spread from where Python has started to 95 % of the time that it takes alone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored, also by what is started here
    ready = folder / "ready"
    prepared("explain", ready, corpus)
    chance = random.Random(1)
    for name in commands:
        began = python_takes()
        alone, takes = SERVED if name == "serve" else left_alone(name, _home(folder, name, "alone", ready), corpus)
        falls, stopped = [], 0
        for part in range(5):
            home = _home(folder, name, str(part), ready)
            child = given(name, home, corpus)
            time.sleep(began + (part + chance.uniform(0, 1)) / 5 * max(0.0, 0.95 * takes - began))
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGINT)
            by_signal = -signal.SIGINT  # where it came while Python itself began or ended; to a shell that is 130 too
            falls.append([f"moment {part}: {fall}" for fall in ended(child, statuses=(0, 130, 2, by_signal))])
            stopped += child.returncode in (130, by_signal)
            falls[-1] += [f"left behind: {path}" for path in litter(home)]
            shutil.rmtree(home)
        when = "in its first 9 s" if name == "serve" else f"of the {takes:.1f} s that it takes"
        said = f"{stopped} stopped in a line, {5 - stopped} had ended, {when}"
        falls[0] += alone
        yield row(f"Ctrl-C in {name}", falls, said, f"interrupts --command {name}")


def python_takes() -> float:
    """s that Python itself takes to start and end here now, twice over."""
    begun = time.monotonic()
    for _ in range(2):
        subprocess.run([sys.executable, "-c", ""], env=environment(), check=True)
    return time.monotonic() - begun


def left_alone(name: str, home: Path, corpus: Path) -> tuple[list[str], float]:
    """What is wrong with a command that nobody stops, and the s that it takes."""
    begun = time.monotonic()
    statuses = (0, 2) if name in REFUSED else (0,)
    falls = [f"left alone: {fall}" for fall in ended(given(name, home, corpus), statuses=statuses)]
    takes = time.monotonic() - begun
    shutil.rmtree(home)
    return falls, takes


def _home(folder: Path, name: str, part: str, ready: Path) -> Path:
    """A home in which a command can be given."""
    home = folder / f"int-{name}-{part}"
    shutil.copytree(ready, home) if name not in ("make_images", "run_all") else home.mkdir()
    if name == "train":
        shutil.rmtree(home / "results")
    return home


def given(name: str, home: Path, corpus: Path) -> subprocess.Popen:
    """A command of STOPPED or ALSO_STOPPED, started."""
    return start(name, home, corpus) if name in COMMANDS else _also(name, home, corpus)


def _also(name: str, home: Path, corpus: Path) -> subprocess.Popen:
    if "MODEL" in ALSO_STOPPED[name]:  # it writes there
        shutil.copytree(ROOT / "voicecam" / "models" / "voice", home / "model")
    known = {"CORPUS": str(corpus), "CORPUS_FOLDER": str(corpus.parent), "MODEL": str(home / "model")}
    rest = [known.get(word, word) for word in ALSO_STOPPED[name]]
    rest = [str(ROOT / word) if word.startswith(("voicecam/", "nbs/")) else word for word in rest]
    argv = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), "--home", str(home), *rest]
    return subprocess.Popen(argv, cwd=home, env=environment(), stdout=-1, stderr=-1, text=True, start_new_session=True)


def gpu_memory(folder: Path, corpus: Path) -> Iterator[Row]:
    """A GPU whose memory ends in the first step of training, simulated where there is none; then with all of it."""
    home = folder / "gpu"
    prepared("train", home, corpus)
    argv = [sys.executable, "-c", NO_GPU_MEMORY, *words("train", home, corpus)[2:]]
    falls = [ended(subprocess.Popen(argv, cwd=home, env=environment(), stdout=-1, stderr=-1, text=True), statuses=(2,))]
    falls.append(ended(start("train", home, corpus), statuses=(0,)))
    which = "a GPU that gives 30 MB" if Path("/dev/nvidia0").exists() else "simulated"
    yield row(f"a GPU out of memory in training ({which})", falls, "refused in a line; given again it finished", "gpu-memory")


PARTS: dict[str, Callable[[Path, Path], Iterator[Row]]] = {
    "together": together,
    "full-disk": full_disk,
    "of-others": of_others,
    "odd-places": odd_places,
    "interrupts": interrupts,
    "gpu-memory": gpu_memory,
}

if __name__ == "__main__":
    sys.exit(main())
