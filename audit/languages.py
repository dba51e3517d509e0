"""How a run tested on left-out corpora does by language family: the rows of the model card. Trains nothing and reads no sound."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from voicecam import evaluation
from voicecam.data.dataset import read_dataset
from voicecam.files import write_text
from voicecam.runs.folder import open_run, read_predictions

FAMILIES = {  # ISO 639 codes by Glottolog's top-level families; Indo-European, which most are of, by its branches
    "Afro-Asiatic": "am ar kab mt",
    "Atlantic-Congo": "lg rw",
    "Austroasiatic, Austronesian": "id vi",
    "Baltic, Slavic": "cs hsb lt lv pl ru sl",
    "Celtic": "br cy ga",
    "Germanic": "de en fy nl sv",
    "Indo-Iranian": "as dv fa hi or pa ur",
    "Romance": "ca es fr it pt rm ro",
    "Sino-Tibetan, Tai": "cnh th zh",
    "Turkic, Mongolic": "cv ky mn sah tr tt",
    "Uralic": "et fi hu",
    "other, isolates, constructed": "ab el eo eu ia ja ka ta",
}
OF_CORPUS = {"baved": "ar", "ravdess": "en", "nemo": "pl", "slr45": "en", "fsdd": "en"}  # whose tables name no language


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and write it to results/audit/languages.csv; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="voice-tested", help="a run of several corpora, evaluated")
    args = parser.parse_args(argv)
    folder = Path("results") / args.run
    clips = read_dataset(Path(open_run(folder).map)).clips
    codes = clips["language"].fillna(clips["corpus"].map(OF_CORPUS)).str.split(r"[ -]", regex=True).str[0]
    family = {code: name for name, listed in FAMILIES.items() for code in listed.split()}
    unknown = sorted(set(codes.dropna()) - set(family))
    if unknown:
        sys.exit(f"{folder}: languages of no family here: {', '.join(unknown)}; name them in FAMILIES")
    table = evaluation.per_group(read_predictions(folder), clips[["path", "speaker"]].assign(family=codes.map(family)))
    print(table.drop(columns="column").round(3).to_string(index=False))
    out = Path("results") / "audit" / "languages.csv"
    write_text(out, table.to_csv(index=False, float_format="%.6g"))
    print(f"wrote {out}: {len(table)} families, {table['clips'].sum()} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
