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


YAML = """# system D, on two corpora
corpus:
  - a b
  - c
label: emotion_gender3
epochs: 7
lr: 3e-5
max_age:
bfloat16: true
find_lr: no
augment: false
min-age: 13.5
"""
AS_JSON = """{"corpus": ["a b", "c"], "label": "emotion_gender3", "epochs": 7, "lr": 3e-5, "max_age": null, "bfloat16": true,
"find_lr": false, "augment": false, "min-age": 13.5}"""


@pytest.mark.parametrize("ending", ["yaml", "yml", "YAML"])
def test_the_same_options_in_yaml_give_the_same_settings(parser, tmp_path, ending):
    (tmp_path / "mine.json").write_text(AS_JSON)
    (tmp_path / f"mine.{ending}").write_text(YAML)
    by_json, by_yaml = (cli.parse(parser, ["--config", str(tmp_path / f"mine.{kind}")]) for kind in ("json", ending))
    assert {**vars(by_yaml), "config": ""} == {**vars(by_json), "config": ""}
    settings = settings_of(by_yaml, "map.json")
    assert settings == settings_of(by_json, "map.json")
    found = (by_yaml.corpus, settings.label, settings.training.epochs, settings.training.lr, settings.max_age, settings.min_age)
    assert found == (["a b", "c"], "emotion_gender3", 7, 3e-5, None, 13.5)
    assert (settings.training.bfloat16, settings.training.find_lr, settings.training.augment) == (True, False, False)
    given = cli.parse(parser, ["--config", str(tmp_path / f"mine.{ending}"), "--epochs", "9"])
    assert settings_of(given, "map.json").training.epochs == 9


def test_a_system_in_a_yaml_file_is_its_options_and_the_files_own_win(parser, tmp_path):
    (tmp_path / "d.yaml").write_text("system: D\ncorpus: [a]\nepochs: 3\n")
    by_file = cli.parse(parser, ["--config", str(tmp_path / "d.yaml")])
    by_line = cli.parse(parser, ["--system", "D", "--corpus", "a", "--epochs", "3"])
    assert {**vars(by_file), "config": None} == vars(by_line)
    assert (by_file.arch, by_file.recipe, by_file.label, by_file.epochs) == ("xls-r", "waveform", "emotion_gender3", 3)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("- 1\n- 2\n", "holds no options; write them as label: digit"),
        ("", "holds no options"),
        ("3: 4\n", "holds no options"),
        ("label: [digit\nepochs: 3", "not readable as YAML"),
        ("label: !!python/object/apply:os.getcwd []\n", "not readable as YAML"),
        ("epoch_s: 3\n", "--epoch-s"),
        ("epochs: 0\n", "--epochs"),
        ("epochs: {a: 1}\n", "--epochs"),
        ("training:\n  epochs: 3\n", "--training"),
        ("label: caf\udce9\n", "not readable as YAML"),
        (None, "x.yaml: no such file"),
    ],
)
def test_a_faulty_yaml_file_is_one_line(parser, tmp_path, capsys, text, word):
    if text is not None:
        (tmp_path / "x.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SystemExit) as stop:
        cli.parse(parser, ["--corpus", "demo", "--config", str(tmp_path / "x.yaml")])
    said = capsys.readouterr().err
    assert (stop.value.code, len(said.splitlines())) == (2, 1)
    assert word in said


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
