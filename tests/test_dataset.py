"""Images on disk: made once, resumed after a kill, tied to their clips; and the splits, which share no speaker."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from run_script import output_of

from voicecam import audio
from voicecam.config import recipe
from voicecam.corpora import keep_ages, keep_labelled, open_corpus
from voicecam.corpora.table import Corpus, Fold, make_corpus, merge
from voicecam.data.dataset import make_images, read_dataset
from voicecam.data.splits import make_splits, shared_speakers
from voicecam.errors import DatasetError
from voicecam.features import features
from voicecam.files import TEMPORARY, atomic_path, writing

SCRIPT = Path(__file__).parent.parent / "scripts" / "make_images.py"
CONFIG = recipe("mfcc")


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def make(corpus, place, **more):
    return make_images(corpus, CONFIG, images=place / "mfc_dataset", maps=place / "maps", workers=1, **more)


def test_images_hold_the_features_and_the_map_ties_them_to_the_clips(write_voices, tmp_path):
    corpus = open_corpus(write_voices(speakers=4))
    path = make(corpus, tmp_path)
    dataset = read_dataset(path, images=tmp_path / "mfc_dataset")
    assert len(dataset.matrices) == len(corpus.clips) == 12
    for row, matrix in zip(dataset.clips.to_dict("records"), dataset.matrices):
        expected = features(audio.load(corpus.root / row["path"], CONFIG), CONFIG).matrix
        assert np.abs(matrix - expected).max() < np.ptp(expected) / 100_000
        assert row["label"] == row["path"].split("/")[0]
    values = json.loads(path.read_text())
    assert values["config_hash"] == CONFIG.hash
    entry = values["entries"]["high/s00_0.wav"]
    assert entry["speaker"] == "s00"
    assert entry["labels"] == {"label": "high"}
    assert (tmp_path / "mfc_dataset" / path.stem / entry["image"]).is_file()


def test_a_second_run_writes_nothing_and_a_changed_wav_is_done_again(write_voices, tmp_path):
    corpus = open_corpus(write_voices(speakers=4))
    path = make(corpus, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    asked = []
    make(corpus, tmp_path, progress=lambda items, total: asked.append(total) or items)
    assert asked == [0]
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    images, was = tmp_path / "mfc_dataset", contents(tmp_path / "mfc_dataset" / path.stem)
    sf.write(corpus.root / "low" / "s01_0.wav", 0.1 * np.sin(np.arange(8000)), 16_000)
    first, path = path, make(corpus, tmp_path, progress=lambda items, total: asked.append(total) or items)
    assert asked == [0, 1], "the others are those of the first map"
    now = contents(images / path.stem)
    assert {name for name in was if was[name] != now[name]} == {"low/s01_0.png"}
    assert contents(images / first.stem) == was, "what a run was trained on stays as it was"
    (images / path.stem / "low" / "s01_0.png").unlink()
    make(corpus, tmp_path, progress=lambda items, total: asked.append(total) or items)
    assert asked == [0, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_half_way_it_resumes_to_the_same_bytes(write_voices, tmp_path, how):
    root = write_voices(speakers=20, takes=8, seconds=0.3)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for place in (whole, cut):
        place.mkdir()
    output_of("make_images", "--corpus", root, cwd=whole)
    command = [sys.executable, str(SCRIPT), "--corpus", str(root)]
    child = subprocess.Popen(
        command, cwd=cut, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while len(list(cut.rglob("[!.]*.png"))) < 20:
        assert child.poll() is None, "it finished before it could be killed; use more clips"
        time.sleep(0.005)
    os.killpg(child.pid, how)
    _, error = child.communicate(timeout=60)
    if how == signal.SIGINT:
        assert child.returncode == 130
        assert error.strip() == "stopped; the same command goes on from here"
    there = len(list(cut.rglob("[!.]*.png")))
    assert 20 <= there < 160
    with pytest.raises(DatasetError, match=r"no such file|stopped half way"):
        read_dataset(cut / "maps" / next(iter((whole / "maps").iterdir())).name, images=cut / "mfc_dataset")
    output_of("make_images", "--corpus", root, cwd=cut)
    made = {name: digest for name, digest in contents(cut).items() if not Path(name).name.startswith(".")}
    assert made == contents(whole)


def test_several_processes_write_the_same_bytes_as_one(write_voices, tmp_path):
    corpus = open_corpus(write_voices(speakers=10, takes=8))
    for workers in (1, 2):
        place = tmp_path / str(workers)
        make_images(corpus, CONFIG, images=place / "i", maps=place / "m", workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_clips_that_cannot_be_used_are_listed_and_the_others_made(write_voices, tmp_path):
    root = write_voices(speakers=4)
    (root / "high" / "s00_1.wav").write_bytes(b"")
    dataset = read_dataset(make(open_corpus(root), tmp_path), images=tmp_path / "mfc_dataset")
    assert len(dataset.matrices) == 11
    ((name, reason),) = dataset.failed
    assert name == "high/s00_1.wav"
    assert "0 bytes" in reason


def test_one_clip_that_the_system_cannot_read_is_that_clips_line_and_is_tried_again(write_voices, tmp_path):
    """A link that leads to itself: an error of the system, not of the sound. Mended, the next run takes it."""
    root = write_voices(speakers=4)
    bad, sound = root / "high" / "s00_1.wav", (root / "high" / "s00_0.wav").read_bytes()
    bad.unlink()
    corpus = make_corpus("c", root, [{"path": f"{p.parent.name}/{p.name}", "speaker": p.stem[:3]} for p in root.glob("*/*.wav")])
    rows = [*corpus.clips.to_dict("records"), {"path": "high/s00_1.wav", "speaker": "s00"}]
    corpus = make_corpus("c", root, rows)
    bad.symlink_to(bad)
    path = make(corpus, tmp_path)
    dataset = read_dataset(path, images=tmp_path / "mfc_dataset")
    assert [name for name, _ in dataset.failed] == ["high/s00_1.wav"]
    assert len(dataset.matrices) == 11
    asked = []
    make(corpus, tmp_path, progress=lambda items, total: asked.append(total) or items)
    assert asked == [1]
    assert json.loads(path.read_text())["complete"]
    bad.unlink()
    bad.write_bytes(sound)
    dataset = read_dataset(make(corpus, tmp_path), images=tmp_path / "mfc_dataset")
    assert (len(dataset.matrices), dataset.failed) == (12, ())


@pytest.mark.parametrize("reason", [MemoryError(), RuntimeError("an odd\nfile"), OSError(5, "Input/output error")])
def test_whatever_one_clip_does_to_the_reader_is_that_clips_line(write_voices, tmp_path, monkeypatch, reason):
    read = audio.read

    def fail(path, *args, **more):
        if Path(path).name == "s00_1.wav":
            raise reason
        return read(path, *args, **more)

    monkeypatch.setattr(audio, "read", fail)
    dataset = read_dataset(make(open_corpus(write_voices(speakers=4)), tmp_path), images=tmp_path / "mfc_dataset")
    ((name, said),) = dataset.failed
    assert (name, len(dataset.matrices), len(said.splitlines())) == ("high/s00_1.wav", 11, 1)


def stop_after(n, reason):
    """A progress that lets n clips through."""

    def progress(items, total):
        for number, item in enumerate(items):
            if number == n:
                raise reason
            yield item

    return progress


def test_what_was_made_is_kept_whatever_stops_it(write_voices, tmp_path):
    corpus = open_corpus(write_voices(speakers=4))
    with pytest.raises(RuntimeError):
        make(corpus, tmp_path, progress=stop_after(5, RuntimeError("a bug")))
    asked = []
    make(corpus, tmp_path, progress=lambda items, total: asked.append(total) or items)
    assert asked == [7]


def test_a_slower_run_that_is_stopped_undoes_nothing_of_a_finished_one(write_voices, tmp_path):
    """The second run finishes while the first, which began earlier, has made three clips; then the first is stopped."""
    corpus = open_corpus(write_voices(speakers=4))

    def overtaken(items, total):
        for number, item in enumerate(items):
            yield item
            if number == 2:
                make(corpus, tmp_path)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(corpus, tmp_path, progress=overtaken)
    (path,) = (tmp_path / "maps").iterdir()
    assert len(read_dataset(path, images=tmp_path / "mfc_dataset").matrices) == 12


def test_a_corpus_is_known_by_its_clips_wherever_it_lies(write_voices, tmp_path):
    """A copy with other time stamps, in another project: the same map, nothing to make; other bytes of the same size: another."""
    corpus, there = open_corpus(write_voices(speakers=4)), tmp_path / "there"
    path = make(corpus, tmp_path)
    for name in ("voices", "mfc_dataset", "maps"):
        shutil.copytree(tmp_path / name, there / name, copy_function=shutil.copy)
    for file in there.rglob("*"):
        os.utime(file, (1, 1))
    copy, asked = open_corpus(there / "voices"), []
    assert make(copy, there, progress=lambda items, total: asked.append(total) or items) == there / "maps" / path.name
    assert asked == [0]
    assert (there / "maps" / path.name).read_bytes() == path.read_bytes(), "paths from the project on"
    assert (there / "maps" / path.name).stat().st_mtime_ns == 10**9
    shutil.rmtree(corpus.root)
    dataset = read_dataset(there / "maps" / path.name)
    assert (dataset.corpus.root, len(dataset.matrices)) == (there / "voices", 12)
    clip = there / "voices" / "low" / "s01_0.wav"
    clip.write_bytes(bytes([*clip.read_bytes()[:-1], 7]))
    assert make(copy, there).name != path.name


def test_a_corpus_outside_the_project_is_found_again_where_it_is_now(write_voices, tmp_path):
    corpus, project = open_corpus(write_voices(speakers=4)), tmp_path / "project"
    path = make(corpus, project)
    assert read_dataset(path).corpus.root == corpus.root
    (tmp_path / "elsewhere").mkdir()
    moved = corpus.root.rename(tmp_path / "elsewhere" / "voices")
    asked = []
    assert make(open_corpus(moved), project, progress=lambda items, total: asked.append(total) or items) == path
    assert (asked, read_dataset(path).corpus.root) == ([0], moved)


def test_a_map_of_an_earlier_version_gets_one_line(write_voices, tmp_path):
    path = make(open_corpus(write_voices(speakers=4)), tmp_path)
    path.write_text(path.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(DatasetError, match=r"earlier version \(format 2, this one reads 3\); make images and run again"):
        read_dataset(path)


@pytest.mark.slow
def test_processes_end_with_a_parent_that_is_killed(write_voices, tmp_path):
    root = write_voices(speakers=20, takes=20, seconds=0.3)
    command = [sys.executable, str(SCRIPT), "--corpus", str(root), "--workers", "3"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while len(list(tmp_path.glob("mfc_dataset/**/[!.]*.png"))) < 20:
        assert child.poll() is None, "it finished before it could be killed; use more clips"
        time.sleep(0.005)
    child.kill()  # the parent alone: its processes are not told
    child.wait()
    deadline = time.monotonic() + 20
    while anybody_left(child.pid):
        assert time.monotonic() < deadline, "its processes wait for work that never comes"
        time.sleep(0.05)


def anybody_left(group):
    """Whether a group of processes still has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_killed_run_left_half_written_is_swept_but_not_under_a_run_that_writes(write_voices, tmp_path):
    corpus = open_corpus(write_voices(speakers=4))
    path = make(corpus, tmp_path)
    folder = tmp_path / "mfc_dataset" / path.stem
    left = [folder / "low" / ".s01_0-k3_x9a0b.png", path.parent / f".{path.stem}-abcdefgh.json"]
    kept = folder / "low" / ".mine.png"
    with writing(folder):  # another run
        for file in (*left, kept):
            file.write_bytes(b"half")
        make(corpus, tmp_path)
        assert left[0].exists()
    make(corpus, tmp_path)
    assert [file.exists() for file in (*left, kept)] == [False, False, True]
    with atomic_path(folder / "low" / "s01_0.png") as temporary:
        assert TEMPORARY.fullmatch(temporary.name), "what is swept is what is left"


def test_no_usable_clip_at_all_is_an_error(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    corpus = make_corpus("c", tmp_path, [{"path": "a.wav", "speaker": "s"}])
    with pytest.raises(DatasetError, match=r"none of 1 clips can be used; the first: .*0 bytes"):
        make(corpus, tmp_path)


def test_an_unfinished_or_missing_map_is_not_read(write_voices, tmp_path):
    path = make(open_corpus(write_voices(speakers=4)), tmp_path)
    path.write_text(path.read_text().replace('"complete": true', '"complete": false'))
    with pytest.raises(DatasetError, match="stopped half way; run make_images again"):
        read_dataset(path, images=tmp_path / "mfc_dataset")
    with pytest.raises(DatasetError, match="no such file"):
        read_dataset(tmp_path / "maps" / "none.json")


def test_two_clips_that_would_share_an_image_are_refused(tmp_path):
    rows = [{"path": "a.wav", "speaker": "s"}, {"path": "a.flac", "speaker": "s"}]
    with pytest.raises(DatasetError, match=r"a\.flac and a\.wav differ only in their ending"):
        make(make_corpus("c", tmp_path, rows), tmp_path)


def table(speakers: int = 20, clips: int = 6, **more) -> Corpus:
    """A corpus of names only: every fourth speaker female, each clip another digit."""
    rows = [
        {
            "path": f"{s:02d}/{c}_{s:02d}_0.wav",
            "speaker": f"{s:02d}",
            "gender": "male" if s % 4 else "female",
            "digit": str(c),
            "age": str(10 + s),
        }
        for s in range(speakers)
        for c in range(clips)
    ]
    return make_corpus("made", Path("/nowhere"), rows, **more)


@pytest.mark.parametrize("kind", ["speakers", "folds"])
@pytest.mark.parametrize("label", ["gender", "digit"])
def test_no_speaker_stands_on_two_sides_and_every_clip_stands_once(kind, label):
    corpus = table()
    splits = make_splits(corpus, label, kind=kind, folds=5, seed=3)
    for split in splits:
        sides = [set(corpus.clips["speaker"].iloc[rows]) for rows in (split.train, split.valid, split.test)]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert sorted(np.concatenate([split.train, split.valid, split.test])) == list(range(len(corpus.clips)))
        assert split.warning == ""
    if kind == "folds":
        assert sorted(np.concatenate([split.test for split in splits])) == list(range(len(corpus.clips)))


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    first, again, other = (make_splits(table(), "gender", seed=seed)[0].test.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_telling_speakers_apart_divides_each_speakers_clips():
    corpus = table(speakers=5, clips=13)
    few = corpus.clips.index[(corpus.clips["speaker"] == "02")][4:], corpus.clips.index[(corpus.clips["speaker"] == "03")][3:]
    corpus = keep_labelled(replace(corpus, clips=corpus.clips.drop([*few[0], *few[1]]).reset_index(drop=True)), "speaker")
    assert sorted(corpus.clips["speaker"].unique()) == ["00", "01", "02", "04"], "three clips are too few for three parts"
    (split,) = make_splits(corpus, "speaker", kind="clips", seed=1)
    sizes = {part: corpus.clips["speaker"].iloc[getattr(split, part)].value_counts() for part in ("train", "valid", "test")}
    assert {part: (n["00"], n["02"]) for part, n in sizes.items()} == {"train": (10, 2), "valid": (1, 1), "test": (2, 1)}
    assert sorted(np.concatenate([split.train, split.valid, split.test])) == list(range(len(corpus.clips)))
    assert "met in training" in split.warning
    with pytest.raises(DatasetError, match="use --split clips"):
        make_splits(corpus, "speaker", kind="speakers")
    with pytest.raises(DatasetError, match="0 of 20 speakers have 4 clips or more"):
        keep_labelled(table(clips=3), "speaker")


def test_the_seed_split_is_the_old_one_and_says_that_it_leaks():
    corpus = table()
    (split,) = make_splits(corpus, "gender", kind="clips")
    names = sorted(path.split("/")[1] for path in corpus.clips["path"])  # the recipe of 2020, step by step
    np.random.seed(42)  # noqa: NPY002
    np.random.shuffle(names)  # noqa: NPY002
    np.random.seed(42)  # noqa: NPY002
    held_back = {names[i] for i in np.random.permutation(len(names))[: int(0.2 * len(names))]}  # noqa: NPY002
    assert {path.split("/")[1] for path in corpus.clips["path"].iloc[split.test]} == held_back
    shared = shared_speakers(corpus.clips, split)
    assert f"{len(shared)} of the" in split.warning
    assert len(shared) > 10


def test_published_folds_are_used_as_they_are():
    fold = Fold(("00", "01"), ("04", "05"), ("08", "09"))
    corpus = table(folds={"gender": (fold,)})
    (split,) = make_splits(corpus, "gender", kind="published")
    assert set(corpus.clips["speaker"].iloc[split.test]) == {"08", "09"}
    assert set(corpus.clips["speaker"].iloc[split.train]) == {"00", "01"}
    with pytest.raises(DatasetError, match=r"no published folds for 'digit' \(there are: gender\)"):
        make_splits(corpus, "digit", kind="published")


def joined(**missing: str) -> Corpus:
    """Three corpora as one; `missing` names a gender that a corpus lacks, such as C="female"."""
    parts = []
    for name in "ABC":
        clips = table().clips
        parts.append(Corpus(name, Path("/nowhere") / name, clips[clips["gender"] != missing.get(name, "none")]))
    return merge(parts)


def test_each_corpus_is_tested_once_by_what_the_others_trained():
    corpus = joined()
    splits = make_splits(corpus, "gender", kind="corpora")
    assert len(splits) == 3
    for name, split in zip("ABC", splits):
        here = [corpus.clips.iloc[rows] for rows in (split.train, split.valid, split.test)]
        assert set(here[2]["corpus"]) == {name}
        assert len(here[2]) == 120
        assert name not in set(here[0]["corpus"]) | set(here[1]["corpus"])
        assert not set(here[0]["speaker"]) & set(here[1]["speaker"])
        assert here[1]["speaker"].nunique() == 4, "a tenth of 40 speakers"
        assert here[1].drop_duplicates("speaker")["gender"].value_counts().to_dict() == {"male": 3, "female": 1}
        assert sorted(np.concatenate([split.train, split.valid, split.test])) == list(range(360))


def test_a_corpus_that_lacks_a_class_always_trains_and_is_never_tested():
    corpus = joined(B="female")
    splits = make_splits(corpus, "gender", kind="corpora")
    assert [set(corpus.clips["corpus"].iloc[split.test]) for split in splits] == [{"A"}, {"C"}]
    assert all("B" in set(corpus.clips["corpus"].iloc[split.train]) for split in splits)


def test_one_whole_corpus_is_tested_by_those_that_lack_a_class():
    corpus = joined(B="female", C="male")
    (split,) = make_splits(corpus, "gender", kind="corpora")
    assert set(corpus.clips["corpus"].iloc[split.test]) == {"A"}
    assert set(corpus.clips["corpus"].iloc[split.train]) == {"B", "C"}


def test_corpora_cannot_be_held_back_where_there_is_only_one_or_none_is_whole():
    with pytest.raises(DatasetError, match="there is only one; give several after --corpus"):
        make_splits(table(), "gender", kind="corpora")
    with pytest.raises(DatasetError, match="no corpus has all 2 classes of 'gender'"):
        make_splits(joined(A="male", B="female", C="male"), "gender", kind="corpora")


def test_too_few_speakers_of_a_class_are_refused():
    """Nobody asked for folds: who is believed to speak, and what can be done."""
    with pytest.raises(
        DatasetError, match=r"class 'female' of 'gender' has 2 speakers \(.*, .*\), and 5 parts .* need 5"
    ) as caught:
        make_splits(table(speakers=8), "gender")
    assert "record 3 speakers more, or use --folds 3 from three speakers on" in str(caught.value)


@pytest.mark.parametrize("few", [3, 4])
@pytest.mark.parametrize("kind", ["folds", "none"])
def test_with_three_speakers_of_a_class_a_split_is_possible(few, kind):
    """What the refusal of the usual split advises."""
    people = [(f"{name}{i}", name) for name in ("happy", "sad") for i in range(few)]
    rows = [{"path": f"{who}_{t}.wav", "speaker": who, "mood": name} for who, name in people for t in range(4)]
    corpus = make_corpus("made", Path("."), rows)
    with pytest.raises(
        DatasetError, match=rf"{few} speakers \(happy0, happy1, .*record {5 - few} speakers more, or use --folds {few}"
    ):
        make_splits(corpus, "mood")
    splits = make_splits(corpus, "mood", kind=kind, folds=few)
    parts = [[set(corpus.clips["speaker"].iloc[rows]) for rows in (s.train, s.valid, s.test)] for s in splits]
    assert all(len(set.union(*sides)) == sum(map(len, sides)) == 2 * few for sides in parts), (
        "nobody on two sides, nobody left out"
    )
    if kind == "folds":
        assert sorted(who for _, _, test in parts for who in test) == sorted(who for who, _ in people)


def test_ages_are_kept_and_dropped_by_number_not_by_text():
    assert sorted(keep_ages(table(), minimum=14, maximum=16).clips["age"].unique()) == ["14", "15", "16"]
    with pytest.raises(DatasetError, match="nobody is 90 to inf years old"):
        keep_ages(table(), minimum=90)


def test_a_joined_corpus_without_ages_stays_when_ages_are_limited():
    aged = table().clips
    both = merge([Corpus("aged", Path("/nowhere/a"), aged), Corpus("ageless", Path("/nowhere/b"), aged.drop(columns="age"))])
    kept = keep_ages(both, minimum=14, maximum=16).clips
    assert (kept["corpus"] == "ageless").sum() == len(aged)
    assert set(kept.loc[kept["corpus"] == "aged", "age"]) == {"14", "15", "16"}


def test_merged_corpora_keep_their_speakers_apart(tmp_path):
    first = make_corpus("A", tmp_path / "a", [{"path": "x.wav", "speaker": "1", "gender": "female"}])
    second = make_corpus("B", tmp_path / "b", [{"path": "x.wav", "speaker": "1", "digit": "3"}])
    both = merge([first, second])
    assert both.name == "A + B"
    assert both.clips["path"].tolist() == ["a/x.wav", "b/x.wav"]
    assert both.clips["speaker"].tolist() == ["A/1", "B/1"]
    assert both.clips["gender"].isna().tolist() == [False, True]
    assert both.root == tmp_path.resolve()


def test_corpora_are_held_back_several_at_a_time_large_with_small():
    """Speakers: A 10, B 8, C 6, D 4; a pair takes one of the large and one of the small."""
    parts = []
    for name, speakers in zip("ABCD", (10, 8, 6, 4)):
        clips = table().clips
        men, women = (sorted(clips.loc[clips["gender"] == gender, "speaker"].unique()) for gender in ("male", "female"))
        kept = [*men[: speakers - 2], *women[:2]]
        parts.append(Corpus(name, Path("/nowhere") / name, clips[clips["speaker"].isin(kept)]))
    corpus = merge(parts)
    splits = make_splits(corpus, "gender", kind="corpora", leave_out=2)
    assert [set(corpus.clips["corpus"].iloc[split.test]) for split in splits] == [{"A", "D"}, {"B", "C"}]
    for split in splits:
        seen = set(corpus.clips["corpus"].iloc[np.concatenate([split.train, split.valid])])
        assert not seen & set(corpus.clips["corpus"].iloc[split.test])
    with pytest.raises(DatasetError, match="4 corpora to test, 4 at a time, leave none to train"):
        make_splits(corpus, "gender", kind="corpora", leave_out=4)
