"""What is installed and whether it is to be trusted: licences, a bill of materials (CycloneDX), bandit's findings, known faults
(pip-audit), and a run without any network in which no connection is tried. Programs that are not there cost their row alone."""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import Distribution, distributions
from pathlib import Path

from odd import PLAIN, ROOT
from rows import FOUND, Row, finish
from small import environment

from voicecam import __version__
from voicecam.files import write_json, write_text

COMMAND = "python torture/supply.py"
LOCK = ROOT / "requirements.lock"
SHARED = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)  # licences that ask for the same licence
LOCAL = re.compile(r'AF_UNIX|AF_NETLINK|inet_addr\("127\.|"::1"|sun_path')
NO_NETWORK = ("import voicecam.api, voicecam.server.app, voicecam.network.classifier, voicecam.runs, voicecam.figures",)


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bandit", default="bandit", metavar="PROGRAM", help="where it is")
    parser.add_argument("--pip-audit", default="pip-audit", metavar="PROGRAM", help="where it is")
    parser.add_argument("--out", type=Path, default=FOUND, help="folder for licences.csv and sbom.json")
    args = parser.parse_args()
    return finish("supply", rows(args))


def rows(args: argparse.Namespace) -> Iterator[Row]:
    """All rows."""
    yield licences(args.out)
    yield materials(args.out)
    yield pinned()
    yield from found_by_bandit(args.bandit)
    yield from known_faults(args.pip_audit)
    yield from no_connection()


def installed() -> list[Distribution]:
    """Every package of this Python, by name."""
    return sorted({str(one.metadata["Name"]).lower(): one for one in distributions()}.values(), key=name_of)


def name_of(one: Distribution) -> str:
    """A package's name, in small letters."""
    return str(one.metadata["Name"]).lower()


def licence_of(one: Distribution) -> str:
    """What a package says its licence is, one line; "" where it says nothing."""
    told = one.metadata
    classes = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    said = told.get("License-Expression") or ", ".join(name for name in classes if name != "OSI Approved") or told.get("License")
    lines = (said or "").strip().splitlines()
    return lines[0][:80] if lines else ""


def licences(out: Path) -> Row:
    """The list, name, version and licence; in the row what has none, and what asks for the same licence."""
    packages = installed()
    lines = ["name,version,licence"]
    lines += [f'{name_of(one)},{one.version},"{licence_of(one).replace(chr(34), "")}"' for one in packages]
    write_text(out / "licences.csv", "\n".join(lines) + "\n")
    silent = [name_of(one) for one in packages if not licence_of(one)]
    shared = [name_of(one) for one in packages if SHARED.search(licence_of(one)) and "LGPL" not in licence_of(one)]
    how = f"{len(silent)} say nothing ({', '.join(silent) or 'none'}); GPL: {', '.join(shared) or 'none'}"
    return Row("licences of all that is installed", len(packages), how, COMMAND)


def materials(out: Path) -> Row:
    """CycloneDX 1.5 as JSON: each package's name, version, purl and licence."""
    packages = installed()
    parts = [
        {
            "type": "library",
            "name": name_of(one),
            "version": one.version,
            "purl": f"pkg:pypi/{name_of(one)}@{one.version}",
            "bom-ref": f"{name_of(one)}@{one.version}",
            **({"licenses": [{"license": {"name": licence_of(one)}}]} if licence_of(one) else {}),
        }
        for one in packages
    ]
    about = {"component": {"type": "application", "name": "voicecam", "version": __version__, "bom-ref": "voicecam"}}
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": about}
    write_json(out / "sbom.json", {**head, "components": parts})
    return Row("bill of materials (CycloneDX 1.5)", len(parts), "every package with version and purl", COMMAND)


def pinned() -> Row:
    """Whether every package of requirements.lock has hashes, and the versions are those of constraints.txt."""
    text = LOCK.read_text(encoding="utf-8")
    packages = dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
    bare = re.findall(r"^([\w.-]+)==\S+(?! \\)$", text, re.MULTILINE)
    wanted = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    other = [name for name, version in packages.items() if not fnmatch(version, wanted.get(name, version))]
    hashes = text.count("--hash=sha256:")
    falls = [f"no hash: {', '.join(bare)}"] * bool(bare) + [f"other version than pinned: {', '.join(other)}"] * bool(other)
    return Row("hashes of what is needed (make lock)", len(packages), f"{hashes} SHA-256 for all of them", COMMAND, falls)


def found_by_bandit(program: str) -> Iterator[Row]:
    """Findings of medium and high severity that no comment in the code justifies."""
    if shutil.which(program) is None:
        return
    argv = [program, "-q", "-r", "voicecam", "scripts", "-ll", "-f", "json"]
    found = json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout)
    falls = [f"{one['filename']}:{one['line_number']}: {one['issue_text']}" for one in found["results"]]
    total = found["metrics"]["_totals"]
    how = f"none of medium or high severity, {total['skipped_tests']} justified in the code"
    yield Row("bandit, lines of code", total["loc"], how, f"{COMMAND} --bandit PROGRAM", falls)


def known_faults(program: str) -> Iterator[Row]:
    """Known faults of the pinned versions, where the list of them can be reached."""
    if shutil.which(program) is None:
        return
    argv = [program, "-r", str(LOCK), "--disable-pip", "--no-deps", "-f", "json"]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(found.stdout)["dependencies"]
    except ValueError:
        return
    tried = [one for one in packages if "skip_reason" not in one]
    falls = [f"{one['name']} {one['version']}: {fault['id']}" for one in tried for fault in one["vulns"]]
    if tried:
        yield Row("known faults of the pinned versions (pip-audit)", len(tried), "none", f"{COMMAND} --pip-audit PROGRAM", falls)


def no_connection() -> Iterator[Row]:
    """Classify and imports in a network namespace without routes, every connect and sendto seen by strace."""
    if shutil.which("strace") is None or shutil.which("unshare") is None:
        return
    tries = {"classify": [str(ROOT / "scripts" / "classify.py"), str(PLAIN)], "imports": ["-c", *NO_NETWORK]}
    falls = []
    for name, words in tries.items():
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder) / "trace.txt"
            seen = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace)]
            argv = ["unshare", "--net", *seen, sys.executable, *words]
            env = environment(HOME=folder, XDG_CACHE_HOME=folder)
            found = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
            if found.returncode:
                falls.append(f"{name}: status {found.returncode}: {found.stderr[-300:]}")
            calls = trace.read_text(errors="replace").splitlines() if trace.exists() else ["strace wrote nothing"]
        falls += [f"{name}: {line[:150]}" for line in calls if "AF_INET" in line and not LOCAL.search(line)]
    how = "both work, and nothing tries to reach another computer"
    yield Row("classify and all imports without a network, under strace", len(tries), how, COMMAND, falls)


if __name__ == "__main__":
    sys.exit(main())
