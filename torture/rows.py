"""What torture found, as rows: what was tried, how often, what happened, what fell. Kept as JSON in results/torture/ and printed;
reliability.py makes the document of all."""

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from voicecam.files import read_json, write_json

ROOT = Path(__file__).parent.parent
FOUND = ROOT / "results" / "torture"


@dataclass
class Row:
    """One line of the table.

    what : was tried
    tried : how often
    happened : in words, with numbers
    command : gives this row again
    falls : what went wrong, a line each
    """

    what: str
    tried: int
    happened: str
    command: str
    falls: list[str] = field(default_factory=list)


def finish(name: str, rows: Iterable[Row], *, keep: bool = True) -> int:
    """Print each row when it is there and keep it in results/torture/NAME.json, in the place of an earlier one of the same
    command; return the exit status: 1 where something fell."""
    fell = n = 0
    for row in rows:
        n, fell = n + 1, fell + bool(row.falls)
        print(f"{'fell' if row.falls else 'held'}  {row.tried:>7,}  {row.what}: {row.happened}", flush=True)
        for fall in row.falls[:40]:
            print(f"      {fall}", file=sys.stderr, flush=True)
        if keep:
            all_rows = {one.what: one for one in kept(name)} | {row.what: row}
            write_json(FOUND / f"{name}.json", [asdict(one) for one in all_rows.values()])
    print(f"{n - fell} of {n} rows held" + (f"; kept in {FOUND / name}.json" if keep else ""))
    return int(fell > 0)


def kept(name: str) -> list[Row]:
    """The rows that `finish` kept; none where it was not run."""
    path = FOUND / f"{name}.json"
    return [Row(**row) for row in read_json(path)] if path.is_file() else []
