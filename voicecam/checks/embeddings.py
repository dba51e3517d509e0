"""How does the encoder see the voices? Its vectors of tested clips in a plane, by class and by speaker, and who is near whom."""

from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.encoders import ENCODERS
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation import embeddings
from voicecam.report import Drawing, Section, interval
from voicecam.runs.fold_clips import joined


def measure(context: CheckContext) -> CheckResult:
    """Tested clips' vectors in a plane with the answer of each by the head of its fold, and how often neighbours agree."""
    folds = context.clips(context.sizes.voices)
    vectors = np.concatenate([clips.matrices.reshape(len(clips.matrices), -1) for clips in folds])
    speakers, classes_of = joined(folds, "speakers"), joined(folds, "classes_of")
    points, how = embeddings.plane(vectors)
    near = embeddings.neighbours(vectors, speakers, classes_of)
    table = pd.concat([clips.table for clips in folds], ignore_index=True).assign(x=points[:, 0], y=points[:, 1])
    p = table[[f"p_{name}" for name in context.classes]].to_numpy()
    drawn = embeddings.region_of(points, embeddings.answer_regions(points, p))
    summary = {
        "how": how,
        "encoder": context.dataset.config.encoder,
        "clips": len(table),
        "speakers": len(set(speakers)),
        "nearest_same_speaker": _share(near["speaker"], speakers),
        "nearest_other_same_class": _share(near["class"], speakers),
        "in_own_region": float((drawn == p.argmax(axis=1)).mean()),
    }
    return CheckResult(tables={"embedding_map": table}, summary=summary)


def _share(found: np.ndarray, speakers: list[str]) -> dict[str, float | None]:
    """Mean over speakers with its interval, as JSON can hold it."""
    share = over_speakers(found.astype(float), speakers, share=True)
    return {name: None if np.isnan(value) else float(value) for name, value in share.items()}


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    """The section of the report."""
    facts, table = runs.read_summary(folder, CHECK.name) or {}, runs.read_table(folder, "embedding_map")
    points, p = table[["x", "y"]].to_numpy(), table[[f"p_{name}" for name in classes]].to_numpy()
    title = ENCODERS[facts["encoder"]].title
    same, other = (interval(facts[name]) for name in ("nearest_same_speaker", "nearest_other_same_class"))
    missing = "" if facts["how"] == embeddings.UMAP else " With umap-learn installed this is done by UMAP."
    n, speakers = facts["clips"], facts["speakers"]
    sentences = (
        f"{title} turns the speech of a clip into one vector, and the network sees nothing else. Of {n} tested clips "
        f"of {speakers} speakers, {same} have a clip of the same speaker as their nearest one, by cosine distance; "
        f"among clips of other speakers the nearest is of the same class for {other}.",
        f"The figure lays the vectors in a plane by {facts['how']}: near stays near, but distances and the size of groups mean "
        f"little.{missing}",
    )
    caption = (
        "Each dot is a tested clip. Left: by class; shaded is the class that the nearest "
        f"{embeddings.NEAREST} clips were given on average, and the line is where it changes. The network's own border lies "
        f"between vectors and not in this plane; {100 * facts['in_own_region']:.0f} % of the clips lie in the region of their "
        "own answer. Right: the same dots by speaker."
    )
    drawing = Drawing(
        plot=figures.plot_embedding_map,
        data=(points, list(table["true"]), list(table["speaker"]), classes),
        options={"boundary": embeddings.answer_regions(points, p)},
        caption=caption,
        alt=" ".join(sentences),
        height=5.2,
        width=8.0,
    )
    return Section(name="embeddings", title="How the encoder sees the voices", sentences=sentences, drawings=(drawing,))


CHECK = Check("embeddings", "the encoder's vectors in a plane", measure, section, of_sound=True, needs_vectors=True)
