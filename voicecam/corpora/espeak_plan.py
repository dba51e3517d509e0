"""Who speaks in the espeak corpus, and how each of its clips is spoken, recorded and disturbed: numbers only.

Makes no sound and touches no file. Gender decides one thing: which voice variants, with which window of pitch, are drawn from.
Accents stand alike in both genders; rate, pitch range, formant scale, level, room and noise come from the same distributions.
The variants are those of espeak-ng without echo or tone filter of their own, chosen so that both genders speak equally fast.
"""

from dataclasses import dataclass

import numpy as np

from voicecam.corpora.demo_acoustics import Conditions, draw_conditions, spread
from voicecam.errors import DatasetError

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
# espeak-ng's pitch setting (0 to 100) that gives each variant a median F0 of about 165 to 250 Hz (female), 85 to 150 Hz (male).
VARIANTS = {
    "female": {"f1": (54, 88), "Annie": (34, 82), "aunty": (46, 71), "belinda": (33, 62), "linda": (33, 62)},
    "male": {"m1": (54, 99), "m4": (56, 99), "m5": (46, 94), "m6": (46, 94), "Lee": (47, 94)},
}
MOST_VOICES = 2 * len(ACCENTS) * len(VARIANTS["female"])  # beyond, two voices would share accent and variant


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker; every number is this speaker's own, the takes vary around it.

    number : 1 to voices. speaker : the same as text, "01".
    accent, variant : espeak-ng's names. pitch, pitch_range : espeak-ng's settings, 0 to 100.
    rate_wpm : words a minute. formant_scale : 1.03 moves all formants (and F0) 3 % up, as a shorter vocal tract does.
    """

    number: int
    speaker: str
    gender: str
    accent: str
    variant: str
    pitch: float
    pitch_range: float
    rate_wpm: float
    formant_scale: float


@dataclass(frozen=True, kw_only=True)
class Clip(Conditions):
    """One digit spoken once. pitch, rate_wpm : this take's espeak-ng settings."""

    voice: Voice
    digit: int
    take: int
    pitch: int
    rate_wpm: int

    @property
    def path(self) -> str:
        """Where the clip lies in the corpus, as in AudioMNIST: data/01/7_01_2.wav for digit 7, speaker 01, take 2."""
        return f"data/{self.voice.speaker}/{self.digit}_{self.voice.speaker}_{self.take}.wav"


def espeak_plan(*, voices: int = 40, digits: int = 10, takes: int = 3, seed: int = 0) -> tuple[Clip, ...]:
    """All clips in order of voice, digit and take; half of the voices are female. The same arguments give the same plan.

    Raises DatasetError for an odd number of voices, or numbers out of range.
    """
    _check(voices=voices, digits=digits, takes=takes, seed=seed)
    cast = _voices(voices, seed)
    return tuple(_clip(voice, digit, take, seed) for voice in cast for digit in range(digits) for take in range(takes))


def _check(*, voices: int, digits: int, takes: int, seed: int) -> None:
    if not 2 <= voices <= MOST_VOICES or voices % 2:
        raise DatasetError(f"espeak corpus: {voices} voices asked for; give an even number from 2 to {MOST_VOICES}")
    if not 1 <= digits <= len(WORDS):
        raise DatasetError(f"espeak corpus: {digits} digits asked for; give 1 to {len(WORDS)}")
    if takes < 1 or seed < 0:
        raise DatasetError(f"espeak corpus: takes is {takes}, seed is {seed}; give takes of 1 or more, a seed of 0 or more")


def _voices(count: int, seed: int) -> list[Voice]:
    rng = np.random.default_rng((seed, count))
    numbers = rng.permutation(count) + 1  # so that a speaker's number does not tell the gender
    cast = _half("female", numbers[0::2], rng) + _half("male", numbers[1::2], rng)
    return sorted(cast, key=lambda voice: voice.number)


def _half(gender: str, numbers: np.ndarray, rng: np.random.Generator) -> list[Voice]:
    """The voices of one gender: the k-th has the same accent in both, and all else is spread evenly over the same ranges."""
    height, width, rate, scale = (spread(len(numbers), rng) for _ in range(4))
    variants = list(VARIANTS[gender].items())
    cast = []
    for k, number in enumerate(numbers.tolist()):
        variant, (lowest, highest) = variants[k % len(variants)]
        cast.append(
            Voice(
                number=number,
                speaker=f"{number:02d}",
                gender=gender,
                accent=ACCENTS[k % len(ACCENTS)],
                variant=variant,
                pitch=lowest + height[k] * (highest - lowest),
                pitch_range=35 + 30 * width[k],
                rate_wpm=115 + 45 * rate[k],
                formant_scale=0.96 + 0.08 * scale[k],
            )
        )
    return cast


def _clip(voice: Voice, digit: int, take: int, seed: int) -> Clip:
    rng = np.random.default_rng((seed, voice.number, digit, take))
    return Clip(
        voice=voice,
        digit=digit,
        take=take,
        pitch=int(np.clip(round(voice.pitch + rng.uniform(-3, 3)), 0, 99)),
        rate_wpm=round(voice.rate_wpm * rng.uniform(0.93, 1.07)),
        **draw_conditions(rng),
    )
