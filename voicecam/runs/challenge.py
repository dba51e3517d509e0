"""A run's predictions as a challenge takes answers: the CSV of SE&R 2022's track of emotions. Scores nothing.

Columns wav_file,label: those of the challenge's own test_ser_metadata.csv, and of what its winners' program wrote
(github.com/alefiury/SE-R-2022-SER-Track, tester.py).
"""

import csv
from io import StringIO
from pathlib import Path, PurePosixPath

from voicecam.corpora.coraa_ser import TEST
from voicecam.errors import DatasetError
from voicecam.files import write_text
from voicecam.runs.folder import read_predictions

COLUMNS = ("wav_file", "label")
SPELLED = {f"non-neutral {gender}": f"non-neutral-{gender}" for gender in ("female", "male")}  # as in the challenge's file names


def write_answers(folder: Path, path: Path) -> int:
    """Write the answers of an evaluated run to `path`: a file's name and the likeliest class of each clip that was held back,
    never "uncertain", sorted by name; returns how many. Of a run with CORAA SER's test set they are of that set alone.

    Raises ModelError when the run was not evaluated, DatasetError when two of the clips have one file name.
    """
    table = read_predictions(folder)
    clips = [(PurePosixPath(clip), str(answer)) for clip, answer in zip(table["path"], table["predicted"])]
    asked = [(clip, answer) for clip, answer in clips if clip.parent.name == TEST] or clips
    answers = {clip.name: SPELLED.get(answer, answer) for clip, answer in asked}
    if len(answers) < len(asked):
        raise DatasetError(
            f"{folder}: {len(asked) - len(answers)} of {len(asked)} held back clips share a file name with another, which "
            "answers cannot tell apart; evaluate a run on one corpus"
        )
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *sorted(answers.items())])
    write_text(path, text.getvalue())
    return len(answers)
