"""Who speaks in the demo voices, and how each of their clips is spoken and recorded. Makes no sound and touches no file.

A voice is a style table of Kokoro, or a mean of two or three of one gender. Gender decides two things: which tables, and around
which centre the voices' pitches lie. The two distributions of pitch overlap as in real adults, so that pitch alone cannot tell
every voice. Accents stand alike in both genders; speed, size of the vocal tract, level, room and noise come from the same
distributions.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from voicecam.corpora.demo_acoustics import Conditions, draw_conditions, spread
from voicecam.corpora.espeak_plan import WORDS as DIGITS

TABLES = {  # of Kokoro's 54; left out: odd or unsteady ones, and names that other makers of voices use for theirs
    "female": (
        *("af_bella", "af_heart", "af_jessica", "af_river", "af_sarah", "bf_alice", "bf_emma", "bf_isabella", "bf_lily"),
        *("ff_siwis", "hf_alpha", "hf_beta", "if_sara", "jf_alpha", "jf_gongitsune", "jf_nezumi"),
    ),
    "male": (
        *("am_adam", "am_liam", "am_michael", "bm_daniel", "bm_george", "bm_lewis", "em_alex", "em_santa"),
        *("hm_omega", "hm_psi", "im_nicola", "jm_kumo", "pm_alex", "pm_santa"),
    ),
}
CENTRES = {"female": 200.0, "male": 125.0}  # Hz; medians of adult speakers, after Baken and Orlikoff 2000
SPREAD = 3.1  # semitones; 8.1 semitones lie between the centres, so a threshold on pitch tells 9 voices of 10
ACCENTS = ("American", "RP", "Scottish", "West Midlands")
WORDS = ("hello", "yes", "no", "stop")
PHONEMES = {  # by espeak-ng 1.52 for en-us, en-gb-x-rp, en-gb-scotland and en-gb-x-gbcwmd, with r and u as Kokoro writes them
    "zero": ("zˈiəɹoʊ", "zˈiəɹəʊ", "zˈiəɾoː", "zˈiəɹʌʊ"),
    "one": ("wˈʌn", "wˈɒn", "wˈʌn", "wˈʊn"),
    "two": ("tˈuː", "tˈuː", "tˈyː", "tˈəu"),
    "three": ("θɹˈiː", "θɹˈiː", "θɾˈiː", "θɹˈei"),
    "four": ("fˈɔːɹ", "fˈɔː", "fˈoɾ", "fˈɔː"),
    "five": ("fˈaɪv", "fˈaɪv", "fˈaɪv", "fˈɔɪv"),
    "six": ("sˈɪks", "sˈɪks", "sˈɪks", "sˈɪks"),
    "seven": ("sˈɛvən", "sˈɛvən", "sˈɛvən", "sˈɛvən"),
    "eight": ("ˈeɪt", "ˈeɪt", "ˈeːt", "ˈeːt"),
    "nine": ("nˈaɪn", "nˈaɪn", "nˈaɪn", "nˈɔɪn"),
    "hello": ("həlˈoʊ", "həlˈəʊ", "həlˈoː", "əlˈʌʊ"),
    "yes": ("jˈɛs", "jˈɛs", "jˈɛs", "jˈɛs"),
    "no": ("nˈoʊ", "nˈəʊ", "nˈoː", "nˈʌʊ"),
    "stop": ("stˈɑːp", "stˈɒp", "stˈɒp", "stˈɒp"),
}
VOICES, TAKES, SEED = 64, 2, 0


@dataclass(frozen=True)
class Voice:
    """One speaker of the demo voices.

    number : 1 to VOICES. tables : share of each style table, sum 1. accent : one of ACCENTS.
    speed : 1 is Kokoro's own. tract : 1.02 moves all formants 2 % up, as a shorter vocal tract does.
    """

    number: int
    gender: str
    accent: str
    tables: tuple[tuple[str, float], ...]
    speed: float
    tract: float

    @property
    def speaker(self) -> str:
        """The number as text, "01"."""
        return f"{self.number:02d}"


@dataclass(frozen=True, kw_only=True)
class Clip(Conditions):
    """One word said once. speed : of this take. semitones : how much higher this take lies than the voice's own pitch.

    seed : of the room's and the noise's samples.
    """

    voice: Voice
    word: str
    take: int
    speed: float
    semitones: float
    seed: tuple[int, ...]

    @property
    def phonemes(self) -> str:
        """The word in the voice's accent, IPA."""
        return PHONEMES[self.word][ACCENTS.index(self.voice.accent)]

    @property
    def path(self) -> str:
        """Where it lies in the corpus: a digit in data/01/7_01_2.ogg, as AudioMNIST has it, others in words/01/hello_01_0.ogg."""
        folder, name = ("data", DIGITS.index(self.word)) if self.word in DIGITS else ("words", self.word)
        return f"{folder}/{self.voice.speaker}/{name}_{self.voice.speaker}_{self.take}.ogg"


def voices_plan() -> tuple[Clip, ...]:
    """All clips in order of voice, word and take: each digit TAKES times, each other word once. The same at every call."""
    takes = [(word, take) for word in DIGITS for take in range(TAKES)] + [(word, 0) for word in WORDS]
    return tuple(_clip(voice, word, take) for voice in cast() for word, take in takes)


def cast() -> tuple[Voice, ...]:
    """The voices in order of their numbers, which do not tell the gender; half are female."""
    rng = np.random.default_rng(SEED)
    numbers = rng.permutation(VOICES) + 1
    return tuple(sorted(_half("female", numbers[0::2], rng) + _half("male", numbers[1::2], rng), key=lambda v: v.number))


def target_pitches(gender: str, count: int) -> np.ndarray:
    """Median F0 in Hz that the `count` voices of a gender get, ascending (count,): normal quantiles in semitones."""
    quantiles = [NormalDist(0, SPREAD).inv_cdf((k + 0.5) / count) for k in range(count)]
    return CENTRES[gender] * 2 ** (np.array(quantiles) / 12)


def _half(gender: str, numbers: np.ndarray, rng: np.random.Generator) -> list[Voice]:
    speeds, tracts = spread(len(numbers), rng), spread(len(numbers), rng)
    accents = [ACCENTS[k % len(ACCENTS)] for k in rng.permutation(len(numbers))]
    return [
        Voice(int(number), gender, accents[k], _tables(TABLES[gender], k, rng), 0.85 + 0.3 * speeds[k], 0.97 + 0.06 * tracts[k])
        for k, number in enumerate(numbers)
    ]


def _tables(names: tuple[str, ...], k: int, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    """The k-th table alone, as long as there is one; then two or three by chance."""
    if k < len(names):
        return ((names[k], 1.0),)
    chosen = rng.choice(len(names), rng.integers(2, 4), replace=False)
    shares = rng.dirichlet(np.full(len(chosen), 3.0)).round(2)
    shares[0] += 1 - shares.sum()
    return tuple((names[i], round(float(share), 2)) for i, share in zip(chosen, shares))


def _clip(voice: Voice, word: str, take: int) -> Clip:
    seed = (SEED, voice.number, [*DIGITS, *WORDS].index(word), take)
    rng = np.random.default_rng(seed)
    speed, semitones = voice.speed * rng.uniform(0.93, 1.07), rng.uniform(-0.7, 0.7)
    return Clip(voice=voice, word=word, take=take, speed=speed, semitones=semitones, seed=(*seed, 1), **draw_conditions(rng))
