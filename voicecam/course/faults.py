"""A corpus with faults that are known: made of the espeak corpus, for nbs/01_explore.ipynb. Finds no fault itself.

Five faults of the list (as AudioMNIST's own list has them), six of the recordings. What was planted stands in `Planted`, not in
the notebook, where it would answer the questions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.audio.written import sound_bytes
from voicecam.corpora import open_corpus
from voicecam.corpora.building import new_folder
from voicecam.files import write_bytes, write_json

RATE = 16_000  # Hz; a third of what espeak's 48 kHz take on disk
HUM_HZ = (50, 100, 150, 250)  # of the mains, with overtones
HUM_DBFS = -42.0  # RMS re full scale: under the speech, plain in pauses
TOO_LOUD_DB = 24.0  # gain that drives a recording far into clipping
HISS = 1e-4  # spread of the samples of a recording in which nobody speaks: -80 dBFS
KINO = "Kino"  # AudioMNIST's second room, in which nearly all are men
VOICES = 24


@dataclass(frozen=True)
class Planted:
    """Where each fault is, by speaker ("07"), or by clip ("07/1_07_0.wav").

    folder : the corpus; mixed : the name that covers two voices, its own and that of `donor`; wrong : listed under the other
    gender; copied : the two speakers of one recording; clipped : all clips too loud; silent : a clip without a voice
    hummed : the speakers of the Kino; swapped : an age with its digits the wrong way round; odd_age : an age of 1234
    """

    folder: Path
    mixed: str
    donor: str
    wrong: str
    copied: tuple[str, str]
    clipped: str
    silent: str
    hummed: tuple[str, ...]
    swapped: str
    odd_age: str

    def table(self) -> pd.DataFrame:
        """Each fault, where it was planted, and what finds it."""
        rows = [
            ("age 1234", f"speaker {self.odd_age}", "a rule: it is impossible"),
            ("rooms misspelt; a gender in one letter", "five speakers", "a rule: nearly the usual word"),
            ("age 32 in place of 23", f"speaker {self.swapped}", "nothing: it is possible"),
            ("hum", f"all {len(self.hummed)} speakers of the Kino", "the audit: noise floor, room"),
            ("clipping", f"speaker {self.clipped}", "a measure: samples at full scale"),
            ("nobody speaks", self.silent, "a measure: level"),
            ("one recording twice", f"speakers {' and '.join(self.copied)}", "fingerprints"),
            ("two voices under one name", f"speaker {self.mixed}: also the voice of {self.donor}", "pitch, and ears"),
            ("wrong label", f"speaker {self.wrong}", "pitch, and ears"),
        ]
        return pd.DataFrame(rows, columns=["fault", "where", "found by"])


def plant_faults(source: Path, folder: Path) -> Planted:
    """Write a copy of the espeak corpus `source` with faults to `folder`, where it is not there yet; says where they are.

    source : made by make_espeak_corpus with VOICES voices, two digits or more and two takes
    """
    corpus = open_corpus(source)
    people = corpus.clips.drop_duplicates("speaker").set_index("speaker")["gender"]
    women, men = (list(people.index[people == gender]) for gender in ("female", "male"))
    planted = Planted(
        folder,
        mixed=women[0],
        donor=men[0],
        wrong=men[3],
        copied=(women[2], women[3]),
        clipped=women[4],
        silent=f"{men[2]}/1_{men[2]}_0.wav",
        hummed=(women[6], men[1], *men[4:10], men[11]),
        swapped=men[4],
        odd_age=women[5],
    )
    if not folder.exists():
        with new_folder(folder) as building:
            _write_list(building, people, planted, letter=men[10], misspelt=women[7], capitals=women[8:11])
            for name in corpus.clips["path"]:
                _write_clip(building, corpus.root, name, planted)
    return planted


def _write_list(building: Path, people: pd.Series, planted: Planted, *, letter: str, misspelt: str, capitals: list[str]) -> None:
    ages = np.random.default_rng(0).integers(19, 60, len(people))
    typed = pd.DataFrame({"age": ages.astype(str), "gender": people, "recordingroom": "vr-room"}, index=people.index)
    typed.loc[list(planted.hummed), "recordingroom"] = KINO
    typed.loc[misspelt, "recordingroom"] = "vr-romm"
    typed.loc[capitals, "recordingroom"] = "VR-Room"
    typed.loc[letter, "gender"] = "M"
    typed.loc[planted.wrong, "gender"] = "female"
    typed.loc[planted.odd_age, "age"] = "1234"
    typed.loc[planted.swapped, "age"] = "32"
    write_json(building / "demo.json", {"name": "planted faults", "note": "Ages and rooms are made up, faults are planted."})
    write_json(building / "data" / "audioMNIST_meta.txt", typed.T.to_dict())


def _write_clip(building: Path, root: Path, name: str, planted: Planted) -> None:
    """A clip with what was planted in it; the donor's second takes stand under the other name alone."""
    speaker, file = name.split("/")
    digit, _, take = Path(file).stem.split("_")
    if speaker == planted.donor and take != "0":
        return
    voice = planted.donor if speaker == planted.mixed and take != "0" else speaker
    voice = planted.copied[0] if speaker == planted.copied[1] and (digit, take) == ("1", "1") else voice
    sound = audio.resample(audio.read(root / voice / f"{digit}_{voice}_{take}.wav"), RATE)
    faults = {planted.clipped: _clip, **dict.fromkeys(planted.hummed, _hum)}
    samples = _silence(sound.samples) if name == planted.silent else faults.get(voice, _nothing)(sound.samples)
    write_bytes(building / "data" / name, sound_bytes(samples, RATE))


def _nothing(samples: np.ndarray) -> np.ndarray:
    return samples


def _clip(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples * 10 ** (TOO_LOUD_DB / 20), -1, 1).astype(np.float32)


def _silence(samples: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).normal(0, HISS, len(samples)).astype(np.float32)


def _hum(samples: np.ndarray) -> np.ndarray:
    time = np.arange(len(samples)) / RATE
    hum = sum(np.sin(2 * np.pi * hertz * time) for hertz in HUM_HZ) / np.sqrt(len(HUM_HZ) / 2)  # RMS 1
    return (samples + 10 ** (HUM_DBFS / 20) * hum).astype(np.float32)
