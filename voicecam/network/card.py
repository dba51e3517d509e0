"""A saved model -> its card, README.md: the head that the Hugging Face hub reads (YAML), then what it is, how it was tested, and
what it is not for. Computes nothing: all numbers stand in the model's meta.json.
"""

from pathlib import Path
from typing import Any

from voicecam.files import write_text
from voicecam.network.model import Model

NOT_FOR = (
    "It says how a recording sounds to a network, in the words of its training corpora. It does not tell who somebody is: do not "
    "use it to identify, sort, admit, refuse, price or watch people, and never without their consent."
)


MOST_NAMED = 20  # classes whose names stand in the title


def write_card(folder: Path, model: Model) -> Path:
    """Write the card into the model's folder; returns its path."""
    path = folder / "README.md"
    write_text(path, model_card(model))
    return path


def model_card(model: Model) -> str:
    """The card's text, in Markdown with a YAML head: licence, datasets, metrics."""
    corpora, scores = list(model.meta.get("corpora") or []), _scores(model)
    lines = [
        "---",
        "library_name: voicecam",
        f"license: {model.meta.get('licence', 'other')}",
        "pipeline_tag: audio-classification",
        f"tags: [speech, voicecam, {'band-occlusion' if model.config.of_sound else 'grad-cam'}]",
        f"datasets: [{', '.join(corpora)}]",
        "metrics: [balanced_accuracy]",
        "---",
        "",
        f"# {model.label}: {', '.join(model.classes) if len(model.classes) <= MOST_NAMED else f'{len(model.classes)} classes'}",
        "",
        f"{model.described} of {model.config.seconds:g} s, by voicecam. Trained on "
        f"{', '.join(corpora) or 'corpora that its file does not name'}{_clips(model)}.",
        "",
        *_encoder(model),
        *scores,
        *(_backbone() if _closed_set(model) else _threshold(model)),
        NOT_FOR,
        "",
        "```python",
        "import voicecam",
        "",
        'model = voicecam.VoiceModel.from_pretrained("FOLDER")  # this folder, or OWNER/NAME on the hub',
        'model.classify("me.wav")',
        *(() if model.config.of_sound else ('model.explain("me.wav").plot()',)),
        "```",
        "",
    ]
    return "\n".join(lines)


def _clips(model: Model) -> str:
    counts = model.meta.get("n_clips")
    return f" ({counts['train']} clips, {counts['valid']} more to choose the epoch)" if counts else ""


def _encoder(model: Model) -> list[str]:
    """What a head needs beside this folder, and what it learned before; nothing for other models."""
    if model.config.features != "encoder":
        return [f"It starts from {model.meta['init']}.", ""] if model.config.of_sound and "init" in model.meta else []
    from voicecam.encoders import ENCODERS

    info = ENCODERS[model.config.encoder]
    text = (
        f"The encoder, {info.title} ({info.megabytes} MB, licence {info.licence}), is not in this folder: `{info.packages}`. It "
        f"learned {info.learned}: voices that it met are not new to this model."
    )
    return [text, ""]


def _closed_set(model: Model) -> bool:
    return model.label == "speaker"


def _backbone() -> list[str]:
    text = (
        "Its classes are the voices of its corpora, and no others: it is made to start trainings of another label from, on other "
        "speakers (`voicecam run --init FOLDER`). Voices differ by sex and age, so such labels are not wholly new to it."
    )
    return [text, ""]


def _scores(model: Model) -> list[str]:
    """How it was tested, with an empty line after; nothing where its file holds no scores."""
    tested: dict[str, Any] | None = model.meta.get("tested")
    if tested:
        text = _tested(tested)
    elif model.meta.get("test"):
        score = model.meta["test"]["balanced_accuracy"]
        ends = "" if score["low"] is None else f" [{score['low']:.3f}, {score['high']:.3f}] (95 % over speakers)"
        whom = f"other clips of its {len(model.classes)} speakers" if _closed_set(model) else "speakers that it never met"
        text = f"Balanced accuracy {score['value']:.3f}{ends} on {whom}."
    else:
        return []
    if _closed_set(model):
        return [f"{text} Chance is {1 / len(model.classes):.3f}.", ""]
    return [f"{text} Another corpus can be far from it: test it on yours with `voicecam external`.", ""]


def _tested(tested: dict[str, Any]) -> str:
    """What networks made in the same way scored on whom they never met."""
    n, rows = len(tested["folds"]), tested.get("by_corpus", [])
    if rows:
        each = [row["balanced_accuracy"]["value"] for row in rows]
        return (
            f"Balanced accuracy {tested['over_corpora']['mean']:.3f}, mean over {len(each)} corpora, each tested by one of {n} "
            f"networks made in the same way that never met it ({min(each):.3f} to {max(each):.3f})."
        )
    spread, score = tested["fold_spread"], tested["fold_mean"]["value"]
    if n == 1:
        return f"Balanced accuracy {score:.3f} of a network made in the same way, on speakers that it never met."
    return (
        f"Balanced accuracy {score:.3f}, mean of {n} networks made in the same way, each on speakers that it never met "
        f"({spread['lowest']:.3f} to {spread['highest']:.3f})."
    )


def _threshold(model: Model) -> list[str]:
    threshold = model.meta.get("threshold")
    if not threshold:
        return []
    return [f'Below a probability of {threshold:.3f} (at temperature {model.temperature:.3f}) the prediction is "uncertain".', ""]
