"""Options of the command line come from the settings, each list and default once; and from a file, which the line overrules."""

import json
from dataclasses import asdict, fields

import pytest

from voicecam.commands import cli
from voicecam.commands.jobs import settings_of
from voicecam.config import ARCHITECTURES, LAYERS, TrainConfig
from voicecam.data import splits
from voicecam.errors import ModelError
from voicecam.explanation.methods import METHODS
from voicecam.network import stages_of


@pytest.fixture
def parser():
    found = cli.make_parser("", "")
    cli.add_corpus_options(found)
    cli.add_run_options(found)
    cli.add_explain_options(found)
    return found


def training_of(parser, *words):
    return settings_of(cli.parse(parser, ["--corpus", "demo", *words]), "map.json").training


def test_options_of_training_are_its_fields_with_their_defaults(parser):
    assert training_of(parser) == TrainConfig()
    for one in fields(TrainConfig):
        option = "--no-augment" if one.name == "augment" else f"--{one.name.replace('_', '-')}"
        assert option in parser.format_help()


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("epochs", "10000", "10001"), ("lr", "1000", "1001"), ("batch", "2", "1"), ("ema_decay", "0.99", "1"),
     ("n_augmented", "0", "-1"), ("arch", "small", "vgg"), ("schedule", "2020", "fast")],
)  # fmt: skip
def test_command_line_and_python_draw_the_same_line(parser, name, good, bad, capsys):
    kind, flag = type(getattr(TrainConfig(), name)), f"--{name.replace('_', '-')}"
    assert getattr(training_of(parser, flag, good), name) == kind(good) == getattr(TrainConfig(**{name: kind(good)}), name)
    with pytest.raises(SystemExit):
        training_of(parser, f"{flag}={bad}")
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(ModelError, match=bad):
        TrainConfig(**{name: kind(bad)})


def test_lists_of_names_are_those_of_the_modules_that_know_them(parser):
    offered = {action.dest: action.choices for action in parser._actions}
    assert tuple(offered["method"][1:]) == tuple(METHODS)
    assert all(tuple(offered["layer"][1:]) == LAYERS == tuple(stages_of(arch)) for arch in ARCHITECTURES)
    assert tuple(offered["split"]) == splits.SPLITS


def test_a_runs_settings_come_back_from_its_file(parser, tmp_path):
    words = ["--epochs", "3", "--folds", "4", "--seed", "7", "--no-augment", "--min-age", "14", "--arch", "small", "--find-lr"]
    asked = settings_of(cli.parse(parser, ["--corpus", "demo", *words]), "map.json")
    settings = asdict(asked)
    del settings["map"]
    (tmp_path / "run.json").write_text(json.dumps({"settings": settings, "command": "x"}))
    words = ["--corpus", "demo", "--config", str(tmp_path / "run.json")]
    assert settings_of(cli.parse(parser, words), "map.json") == asked
    changed = settings_of(cli.parse(parser, [*words, "--epochs", "5"]), "map.json")
    assert (changed.training.epochs, changed.training.arch) == (5, "small")


def test_options_by_name_come_from_a_file(parser, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"corpus": ["a", "b"], "label": "digit", "max_age": None, "bfloat16": True, "augment": True}))
    args = cli.parse(parser, ["--config", str(file)])
    assert (args.corpus, args.label, args.max_age, args.bfloat16, args.no_augment) == (["a", "b"], "digit", None, True, False)


@pytest.mark.parametrize(
    ("text", "word"),
    [("[1]", "holds no options"), ("{", "not readable as JSON"), ('{"epoch_s": 3}', "--epoch-s"), ('{"epochs": 0}', "--epochs")],
)
def test_a_faulty_file_is_one_line(parser, tmp_path, capsys, text, word):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SystemExit) as stop:
        cli.parse(parser, ["--corpus", "demo", "--config", str(tmp_path / "x.json")])
    said = capsys.readouterr().err
    assert (stop.value.code, len(said.splitlines())) == (2, 1)
    assert word in said
