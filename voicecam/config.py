"""All settings: of the way from a recording to a picture (Config), of training (Training), and where models and work lie.

The command line makes its options from them. Does nothing with them and imports nothing heavy. A saved model carries its Config,
so it cannot be fed other features than it was trained on.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from voicecam.errors import ModelError, VoicecamError
from voicecam.files import digest
from voicecam.recipes import PRESETS, SYSTEMS  # noqa: F401  handed on
from voicecam.setting_checks import check_config, check_kinds

# The work folder: the current one, or the one that this variable names, as `voicecam --home` sets it.
HOME = Path(os.environ.get("VOICECAM_HOME", "")).expanduser()
IMAGES, MAPS, RESULTS = HOME / "mfc_dataset", HOME / "maps", HOME / "results"
RECORDINGS, CACHE, SITE = HOME / "my_wavs", HOME / "cache", HOME / "site"
ESPEAK = CACHE / "espeak"  # voices of espeak-ng, made there on first use
KOKORO = CACHE / "kokoro"  # packages that the demo voices are made from

DEMO = Path(__file__).parent / "voices"  # the demo voices
SHIPPED = Path(__file__).parent / "models"  # what comes with the package
SHIPPED_MODEL = SHIPPED / "voice"  # says female or male
SHIPPED_DIGITS = SHIPPED / "digits"  # says which English digit was spoken
SHIPPED_BACKBONE = SHIPPED / "backbone"  # a ResNet-18 that learned to tell speakers apart; in the repository only, it is large
NO_BACKBONE = "comes with the repository of voicecam and not with the installed package"
PICTURE_NETWORKS = ("resnet18", "resnet34", "resnet50", "small", "fine", "efficientnet-lite0")
HEADS = ("two-layer", "logistic", "cnn")  # networks on what an encoder gives, see network.heads
TRANSFORMERS = ("wav2vec2", "wavlm", "xls-r")  # networks on samples, fine-tuned whole, see network.transformer
ARCHITECTURES = (*PICTURE_NETWORKS, *HEADS, *TRANSFORMERS)
LAYERS = ("layer1", "layer2", "layer3", "layer4")  # stages of each of these networks
SCHEDULES = ("default", "2020", "head")
WINDOWS, PADS, NORMALISATIONS = ("all", "loudest"), ("end", "repeat", "silence"), ("mean", "none", "window")
SPLITS = ("speakers", "folds", "published", "corpora", "none", "clips")  # see splits.make_splits
OUTPUTS = ("vector", "frames", "layers", "emissions")  # what an encoder can give of a window, see encoders.table
BAND_SETS = ("mel", "third-octaves", "octaves", "formants")  # see explanation.bands.band_set

UNCERTAIN = "uncertain"  # the third outcome: no class is named
AUTO = "auto"  # the map's method or layer: what DEFAULT_MAPS has
DEFAULT_MAPS = {  # (network, features) -> method and layer of maps; chosen on the espeak corpus, see audit/defaults.py
    ("small", "logmel"): ("hires-cam", "layer3"),
    ("small", "mfcc"): ("grad-cam++", "layer3"),
    ("fine", "logmel"): ("hires-cam", "layer4"),  # its head is a mean and one layer: there the map is the score, cell by cell
    ("fine", "mfcc"): ("hires-cam", "layer4"),
    ("resnet", "logmel"): ("grad-cam", "layer2"),
    ("resnet", "mfcc"): ("grad-cam", "layer3"),  # EfficientNet-Lite0, whose stages are as large, takes the ResNets'
}
SOUND_RECIPES = ("encoder", "waveform")  # kinds of features that are no picture: of an encoder, or the samples themselves
RECIPES = ("mfcc", "logmel", "mfcc-2020", *SOUND_RECIPES)  # kinds of features


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings from recording to picture. Make one with `recipe(name)`, change it with `dataclasses.replace`."""

    features: str = "mfcc"  # one of RECIPES
    sample_rate: int = 16_000  # Hz; speech models' usual rate, keeps everything below 8 kHz
    seconds: float = 1.0  # s; every clip is fitted to this, the length of a spoken word
    windows: str = "loudest"  # "loudest": one window of `seconds` a clip, the one with most energy; "all": windows over all of it
    window_step: float = 0.5  # of `seconds`; from one window to the next where windows is "all"
    pad: str = (
        "silence"  # what lengthens a shorter clip: "silence" around it, "end": silence after it, or "repeat": the clip again
    )
    centre: bool = True  # take off a constant offset of the samples
    level_dbfs: float | None = -26.0  # dB re full scale, RMS; ITU-T P.56's usual speech level; None keeps the level
    full_scale: float = 1.0  # value of a full-scale sample; 32768 gives the 16-bit counts of the 2020 recipe
    pre_emphasis: float = 0.97  # no unit; x[n] - 0.97 x[n-1] lifts the highs that speech lacks
    window_ms: float = 25.0  # ms; short enough that speech stands still, long enough to hold two pitch periods at 80 Hz
    hop_ms: float = 10.0  # ms; 100 frames a second
    n_mels: int = 64  # mel bands from f_min to f_max
    f_min: float = 0.0  # Hz
    f_max: float | None = None  # Hz; None is half the sample rate
    floor_db: float = 80.0  # dB below the loudest cell of the clip; what lies deeper is raised to this (librosa's top_db)
    n_mfcc: int = 20  # cepstral coefficients kept, c0 (the level) first; recipes mfcc and mfcc-2020
    lifter: int = 22  # sine lifter of HTK; evens out the size of high and low coefficients; 0 is none
    normalise: str = "none"  # per window: "mean" takes each row's mean off, "window" brings all cells to mean 0, spread 1
    image_rows: int = 128  # pixels, height of the picture given to the network
    image_columns: int = 128  # pixels, its width
    encoder: str = ""  # features "encoder": one of encoders.ENCODERS
    encoder_weights: str = ""  # "hub" or what its package carries, "tiny", or a folder in the hub's form
    encoder_output: str = ""  # one of encoders.OUTPUTS

    def __post_init__(self) -> None:
        words = {"features": RECIPES, "windows": WINDOWS, "pad": PADS, "normalise": NORMALISATIONS}
        check_config(self, words)

    @property
    def window(self) -> int:
        """Window length in samples."""
        return round(self.sample_rate * self.window_ms / 1000)

    @property
    def hop(self) -> int:
        """Step between windows in samples."""
        return round(self.sample_rate * self.hop_ms / 1000)

    @property
    def n_samples(self) -> int:
        """Samples of a fitted clip."""
        return round(self.sample_rate * self.seconds)

    @property
    def n_frames(self) -> int:
        """Frames of a fitted clip; frames lie wholly inside it (librosa's center=False)."""
        return 1 + (self.n_samples - self.window) // self.hop

    @property
    def n_rows(self) -> int:
        """Rows of the feature matrix."""
        return self.n_mels if self.features == "logmel" else self.n_mfcc

    @property
    def top_hz(self) -> float:
        """Upper edge of the highest mel band in Hz."""
        return self.sample_rate / 2 if self.f_max is None else self.f_max

    @property
    def of_sound(self) -> bool:
        """Whether the network is shown no picture but what an encoder gives, or samples, of the speech alone."""
        return self.features in SOUND_RECIPES

    def to_dict(self) -> dict[str, Any]:
        """The settings as a dict that JSON can hold, without an encoder's where there is none."""
        return {name: value for name, value in asdict(self).items() if not (name.startswith("encoder") and value == "")}

    @property
    def hash(self) -> str:
        """Ten hex digits that differ when any setting differs."""
        return digest(self.to_dict())


def _setting(default: Any, text: str, *, low: float = 0, high: float = 0, below: bool = False, choices: tuple = ()) -> Any:
    """A field of Training: what it is, and its least and highest value, or the names it may have."""
    return field(default=default, metadata={"text": text, "low": low, "high": high, "below": below, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train. The defaults fit two CPU cores."""

    arch: str = _setting(
        "resnet18",
        "network; small: four plain blocks; fine: five, for recipe voice-fine; efficientnet-lite0: see the extra imagenet; "
        "for systems A to D see docs/SYSTEMS.md",
        choices=ARCHITECTURES,
    )
    init: str = _setting(
        "auto",
        "weights to start from: auto, imagenet, shipped (learned to tell speakers apart), none, a file or a model's folder",
    )
    schedule: str = _setting(
        "default", "2020: head 2 epochs at 2e-3, then all layers 1 epoch; head: the head alone", choices=SCHEDULES
    )
    # over all layers; the one-cycle schedule needs to know it in advance
    epochs: int = _setting(6, "passes over the training clips", low=1, high=10_000)
    # highest of the cycle; a tenth of it for the body where it starts from trained weights
    lr: float = _setting(2e-3, "highest learning rate", low=1e-9, high=1000)
    batch: int = _setting(32, "clips per step", low=2, high=65_536)
    # by balanced accuracy on validation speakers
    patience: int = _setting(5, "epochs without a better one before training stops", low=1, high=10_000)
    balance: str = _setting(
        "speakers",
        "how often clips are drawn, recipe voice only; styles: corpora, styles (emotions) and speakers evenly, see windows",
        choices=("speakers", "styles"),
    )
    augment: bool = True  # tempo, time shift, filter, time and row masks, on training clips only
    n_augmented: int = _setting(8, "degraded copies of each training clip, recipe voice only", low=0, high=100)
    degradation: str = _setting(
        "voice",
        "how far degraded copies go: voice, or word where only what is said counts, see audio.degrade",
        choices=("voice", "word"),
    )
    ema_decay: float = _setting(
        0.0, "decay per step of a running mean of the weights, which is then kept; 0 is none", low=0, high=1, below=True
    )
    label_smoothing: float = _setting(  # Szegedy et al. 2016
        0.0, "share of each label that is spread over all classes", low=0, high=1, below=True
    )
    # Zhang et al. 2018
    mixup: float = _setting(0.0, "Beta parameter of blending clips and their labels; 0 is none", low=0, high=100)
    # see auxiliary.py; "" is none
    auxiliary_label: str = _setting("", "another label, learned at the same time from the training clips and then dropped")
    phases: str = _setting(
        "C", "of a speech model that is fine-tuned whole: as system C or D, see network.finetune", choices=("C", "D")
    )
    # Hugging Face's gradient_accumulation_steps
    accumulate: int = _setting(
        1, "steps whose gradients are added before the weights change, systems C and D", low=1, high=10_000
    )
    refit: bool = False  # logistic regression only: learn from the validation speakers too, once they have chosen and calibrated
    bfloat16: bool = False  # multiply in bfloat16: near twice as fast on processors that know it, slower on others
    find_lr: bool = False  # run fastai's lr_find first and take its suggestion instead of `lr`
    seed: int = _setting(0, "of weights, order and augmentation", low=0, high=2**32 - 1)

    def __post_init__(self) -> None:
        check_kinds(self, error=ModelError)
        for one in fields(self):
            if one.metadata:
                _check_setting(one.name, getattr(self, one.name), **one.metadata)
        if self.refit and self.arch != "logistic":
            raise ModelError(f"refit: for arch logistic alone, {self.arch} needs validation speakers to stop; leave it out")
        if self.auxiliary_label and self.mixup:
            raise ModelError(
                f"auxiliary_label={self.auxiliary_label!r}: blended clips have no one second label; leave it out, or mixup"
            )


def _check_setting(name: str, value: Any, *, low: float, high: float, below: bool, choices: tuple, text: str) -> None:
    if choices and value not in choices:
        what = {"arch": "architecture"}.get(name, name)
        raise ModelError(f"{what} {value!r}: not known; use one of {', '.join(choices)}")
    if high and not (low <= value <= high and not (below and value == high)):
        raise ModelError(f"{name}={value!r}: must be from {low:g} to {'below ' * below}{high:g}")


def map_choice(arch: str, features: str, *, method: str = AUTO, layer: str = AUTO) -> tuple[str, str]:
    """Method and layer of the maps of a network: those asked for, and in place of AUTO those of DEFAULT_MAPS.

    arch : of the network; features : the recipe of its Config
    """
    usual = DEFAULT_MAPS[arch if arch in ("small", "fine") else "resnet", "logmel" if features == "logmel" else "mfcc"]
    return usual[0] if method == AUTO else method, usual[1] if layer == AUTO else layer


def recipe(name: str, **changes: Any) -> Config:
    """The Config of a named recipe, with `changes` on top.

    mfcc : signed MFCCs. Rows are coefficients, not frequencies.
    logmel : mel energies in dB, rows in Hz.
    voice : log-mel windows over the whole clip, each brought to mean 0 and spread 1, trained on degraded copies of the clips too:
        made for voices, rooms and microphones that training has not met.
    embedding, frames, waveform : of the speech alone, found and cut out: an encoder's vectors of windows of 1.6 s, the frames of
        its layers of 3 s, and 3 s of samples.
    mfcc-2020 : the recipe of 2020 to the letter, for comparison with old results: 48 kHz, 16-bit counts, 12 coefficients,
        40 mels, stretched to 224 x 224 and cut off to 0..255, which loses the sign.
    Raises VoicecamError for an unknown recipe or setting.
    """
    if name not in PRESETS:
        raise VoicecamError(f"recipe {name!r}: not known; use one of {', '.join(PRESETS)}")
    return from_dict({"features": name, **PRESETS[name], **changes})


def from_dict(values: dict[str, Any]) -> Config:
    """A Config from a dict; missing keys take their defaults. Raises VoicecamError on unknown keys or bad values."""
    known = {field.name for field in fields(Config)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise VoicecamError(f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return replace(Config(), **values)


def to_json(config: Config) -> str:
    """The Config as JSON text."""
    return json.dumps(config.to_dict(), indent=1)


def from_json(text: str) -> Config:
    """The Config that `to_json` wrote."""
    return from_dict(json.loads(text))
