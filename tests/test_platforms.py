"""What would fail on Windows or macOS, seen without them: calls that only POSIX has, names that Windows refuses, text of no
stated encoding, processes that are forked, programs that do not guard their start."""

import ast
import re
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from voicecam.commands.cli import run_folder
from voicecam.errors import ModelError
from voicecam.files import portable, safe_name

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "voicecam").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
ONLY_POSIX = {"fcntl", "grp", "pwd", "pty", "resource", "syslog", "termios", "tty", "readline", "posix"}
ONLY_POSIX_CALLS = re.compile(
    r"\bos\.(fork\w*|kill|killpg|getuid|geteuid|getgid|setsid|setpgrp|mkfifo|mknod|uname|chown|lchown|chroot|wait\w*|nice|"
    r"sysconf|statvfs|getloadavg|sched_\w+|O_NOFOLLOW|O_DIRECTORY)\b|"
    r"\bsignal\.(SIGKILL|SIGALRM|SIGHUP|SIGUSR1|SIGUSR2|SIGPIPE|alarm|setitimer|pause)\b|[\"']/(tmp|dev|proc|etc|usr|var)\b"
)
LOCKS = "voicecam/locks.py"  # has the one such import, behind a fallback
MICROPHONE = ("voicecam/audio/microphone.py", "voicecam/audio/recorder.py")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_call_that_only_posix_has_outside_the_microphone(path):
    if name_of(path) in MICROPHONE:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found = {name.split(".")[0] for name in names} & ONLY_POSIX
        assert not found or name_of(path) == LOCKS
        if isinstance(node, (ast.Attribute, ast.Constant)):
            text = ast.unparse(node) if isinstance(node, ast.Attribute) or len(str(node.value)) < 60 else ""
            assert not ONLY_POSIX_CALLS.search(text), (text, node.lineno)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_processes_are_spawned_and_text_has_its_encoding(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called, options = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
        if called.endswith("ProcessPoolExecutor"):
            assert "mp_context" in options
        if called.endswith("get_context"):
            assert ast.unparse(node.args[0]) == "'spawn'"
        assert called not in ("multiprocessing.Process", "multiprocessing.Pool", "os.fork")
        if called.endswith((".read_text", ".write_text")) or called == "open":
            mode = ast.unparse(node.args[1]) if called == "open" and len(node.args) > 1 else options.get("mode", "''")
            text = called != "open" or not ("b" in mode or mode not in ("''", "'r'", "'w'", "'a'", "'x'"))
            given = "encoding" in options or (called.endswith(".read_text") and node.args)
            assert not text or given or "devnull" in ast.unparse(node), (node.lineno, ast.unparse(node))


WINDOWS = [  # a text, and whether Windows takes it as a file's name
    ("demo", True),
    ("con", False),
    ("CON", False),
    ("nul.txt", False),
    ("COM1", False),
    ("lpt9", False),
    ("com10", True),
    ("console", True),
    ("a:b", False),
    ("a*b", False),
    ('a"b', False),
    ("a<b", False),
    ("a|b", False),
    ("a?b", False),
    ("a\\b", False),
    ("a/b", False),
    ("a.", False),
    ("a ", False),
    ("ünï", True),
]


@pytest.mark.parametrize(("text", "taken"), WINDOWS)
def test_names_of_runs_and_files_are_taken_by_windows(text, taken):
    if taken:
        assert run_folder(text).name == text
    else:
        with pytest.raises(ModelError):
            run_folder(text)
    name = safe_name(text)
    assert not PureWindowsPath(name).is_reserved()
    assert PureWindowsPath("C:\\results", name).name == name
    assert name == name.rstrip(". ")
    assert not taken or name == text


def test_paths_in_stored_files_have_slashes(tmp_path):
    assert portable(tmp_path / "maps" / "a.json", tmp_path) == "maps/a.json"


def test_every_file_of_the_repository_can_be_checked_out_on_windows_and_macos():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    seen = {}
    for name in filter(None, listed):
        for part in Path(name).parts:
            assert not PureWindowsPath(part).is_reserved(), name
            assert not set(part) & set('<>:"|?*\\'), name
            assert part == part.rstrip(". "), name
        assert seen.setdefault(name.lower(), name) == name
        assert len(name) < 180, name


@pytest.mark.slow
def test_a_program_without_a_guard_makes_images_with_several_processes(write_voices, tmp_path):
    """Each process is started afresh; it must not begin the program again."""
    root = write_voices(speakers=9, takes=8, seconds=0.3)
    program = tmp_path / "mine.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nfrom voicecam.config import recipe\nfrom voicecam.corpora import open_corpus\n"
        "from voicecam.data.dataset import make_images\nprint('begun', flush=True)\n"
        f"make_images(open_corpus({str(root)!r}), recipe('mfcc'), images=Path('i'), maps=Path('m'), workers=2)\n",
        encoding="utf-8",
    )
    found = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (found.returncode, found.stdout.split()) == (0, ["begun"]), found.stderr
    assert len(list((tmp_path / "i").rglob("*.png"))) == 72
