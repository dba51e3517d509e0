"""Work spread over processes, threads and a Dask cluster: the same results nothing lost, one line for what fails."""

import multiprocessing
import os
import signal
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from conftest import demo_speech
from voicecam import engine
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data.dataset import make_images, read_dataset
from voicecam.data.encodings import make_encodings
from voicecam.engine import spread
from voicecam.errors import VoicecamError

WAYS = ("here", "threads", "processes", "fresh processes")


def power(base, number, slow=0.0):
    time.sleep(slow)
    return base**number


def process_of(number):
    time.sleep(0.05)
    return os.getpid()


def refuse(number):
    if number == 7:
        raise VoicecamError("seven is refused")
    return number


@pytest.mark.parametrize("by", WAYS)
def test_results_come_in_the_order_of_the_jobs_whatever_each_takes(by):
    jobs = [(number, 0.02 if number % 3 == 0 else 0) for number in range(30)]
    assert list(spread(power, jobs, shared=(2,), workers=2, by=by, chunk=4)) == [1 << n for n in range(30)]


@pytest.mark.parametrize("by", WAYS)
def test_what_a_job_raises_is_raised_after_the_results_before_it(by):
    got = []
    with pytest.raises(VoicecamError, match="seven is refused"):
        got.extend(spread(refuse, ((n,) for n in range(20)), workers=2, by=by))
    assert got == list(range(7))


def test_jobs_are_taken_as_they_are_needed_so_that_memory_is_flat():
    taken = []

    def jobs():
        for number in range(1000):
            taken.append(number)
            yield (number,)

    with closing(spread(power, jobs(), shared=(1,), workers=2, by="threads", chunk=3)) as results:
        next(results)
        assert len(taken) <= 3 * (engine.AHEAD * 2 + 1)
    assert len(taken) < 40


def test_a_lost_process_is_one_line(tmp_path):
    with pytest.raises(VoicecamError, match="ended from outside"):
        list(spread(os._exit, [(3,)] * 4, workers=2))


@pytest.mark.parametrize("address", ["dask://host", "ray://a:1", "127.0.0.1:8786", "dask://a b:1"])
def test_an_address_that_is_none_is_refused_before_anything_is_tried(address):
    with pytest.raises(VoicecamError, match="dask://HOST:PORT"), engine.on(address):
        pass


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and two workers, processes of this computer, as a cluster's machines have them."""
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made


def address_of(cluster):
    return cluster.scheduler_address.replace("tcp", "dask")


def files_below(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def workers_of(cluster):
    return [nanny.pid for nanny in cluster.workers.values()]


@pytest.mark.slow
def test_a_cluster_works_in_other_processes_and_in_order(cluster):
    with engine.on(address_of(cluster)):
        assert list(spread(power, [(n,) for n in range(50)], shared=(3,), chunk=7, by="here")) == [3**n for n in range(50)]
        at_work = set(spread(process_of, [(n,) for n in range(20)], by="here"))
        with pytest.raises(VoicecamError, match="seven is refused"):
            list(spread(refuse, [(n,) for n in range(20)]))
    assert at_work == set(workers_of(cluster))
    assert set(spread(process_of, [(0,)], by="here")) == {os.getpid()}, "after the block the work is done here"


@pytest.mark.slow
def test_of_two_workers_one_is_killed_half_way_and_the_images_are_those_of_one_process(cluster, write_voices, tmp_path):
    corpus, config = open_corpus(write_voices(speakers=20, takes=12)), recipe("logmel")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    places = [{"images": place / "mfc_dataset", "maps": place / "maps"} for place in (whole, cut)]
    make_images(corpus, config, **places[0], workers=1)
    killed = []

    def kill_one(items, total):
        for number, item in enumerate(items):
            if number == total // 2:
                killed.append(workers_of(cluster)[0])
                os.kill(killed[0], signal.SIGKILL)
            yield item

    with engine.on(address_of(cluster)):
        path = make_images(corpus, config, **places[1], progress=kill_one)
    assert killed
    made = {name: data for name, data in files_below(cut).items() if not Path(name).name.startswith(".")}
    assert made == files_below(whole)
    dataset = read_dataset(path)
    assert (len(dataset.matrices), dataset.failed) == (240, ())
    asked = []
    make_images(corpus, config, **places[1], progress=lambda items, total: asked.append(total) or items)
    assert asked == [0], "nothing was lost"
    assert files_below(cut) == files_below(whole), "nor is anything left of what the killed one had begun"


@pytest.mark.slow
def test_work_that_ends_every_worker_is_one_line_and_the_cluster_goes_on(cluster):
    with pytest.raises(VoicecamError, match="lost the work"), engine.on(address_of(cluster)):
        list(spread(os._exit, [(3,)]))
    with engine.on(address_of(cluster)):
        assert list(spread(power, [(n,) for n in range(5)], shared=(2,))) == [1, 2, 4, 8, 16]


@pytest.mark.slow
def test_a_cluster_encodes_classifies_and_maps_as_this_process_does(cluster, tmp_path, monkeypatch):
    from voicecam.config import SHIPPED_MODEL
    from voicecam.explanation.methods import other_of_two
    from voicecam.network import recordings
    from voicecam.network.classifier import load_classifier
    from voicecam.runs import fold_clips
    from voicecam.runs.external import _probabilities

    monkeypatch.chdir(tmp_path)  # paths from the work folder on hold on a worker too
    corpus, classifier = open_corpus(demo_speech(Path("voices"), speakers=4, takes=3)), load_classifier(SHIPPED_MODEL)
    files, waveform = sorted(Path("voices").rglob("*.ogg")), recipe("waveform")
    model = classifier.model
    matrices = np.random.default_rng(0).normal(size=(6, model.config.n_rows, model.config.n_frames)).astype(np.float32)
    target = np.arange(6) % 2
    clips = fold_clips.FoldClips(Path(), 1, model, None, matrices, target, other_of_two(target, 2), None)
    monkeypatch.setattr(fold_clips, "MAPPED", 2)

    def all_ways(place):
        path = make_encodings(corpus, waveform, maps=place / "maps")
        said = [recordings.row(found) for found in recordings.predict_files(classifier, files)]
        return read_dataset(path).matrices, said, clips.maps("grad-cam", "layer4"), _probabilities(classifier, corpus, iter_of)[0]

    here = all_ways(tmp_path / "here")
    with engine.on(address_of(cluster)):
        there = all_ways(tmp_path / "there")
    assert here[1] == there[1]
    assert len(here[1]) == 12
    for mine, theirs in zip(here, there):
        if isinstance(mine, np.ndarray):
            np.testing.assert_allclose(theirs, mine, rtol=1e-5, atol=1e-6)


def iter_of(items, total):
    return items


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line(monkeypatch):
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    monkeypatch.setattr(engine, "TRIES", 1.0)
    with pytest.raises(VoicecamError, match="no Dask scheduler answers"), engine.on("dask://127.0.0.1:9"):
        pass


@pytest.mark.slow
def test_a_cluster_without_workers_is_one_line(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    monkeypatch.setattr(engine, "TRIES", 1.0)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as empty,
        pytest.raises(VoicecamError, match="has no workers"),
        engine.on(address_of(empty)),
    ):
        pass


def test_long_jobs_are_ended_and_not_waited_for():
    others = set(multiprocessing.active_children())
    found = spread(time.sleep, [(0,), (300,), (300,)], workers=2, by=engine.PROCESSES, long=True)
    next(found)
    left = set(multiprocessing.active_children()) - others
    assert len(left) == 2
    began = time.monotonic()
    found.close()
    assert time.monotonic() - began < 60
    assert not any(process.is_alive() for process in left)
