"""Options by name: from a JSON or YAML file, and as the words of a command line. Knows no option and parses none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicecam.errors import VoicecamError
from voicecam.files import read_json

YAML = (".yaml", ".yml")


def options_in(file: Path) -> dict[str, Any]:
    """Options by name from a file: as they are, or those that give the settings of a run's run.json. YAML where the file's name
    ends so, else JSON. Raises VoicecamError for a file that is not there, cannot be read or holds no options."""
    values = _read_yaml(file) if file.suffix.lower() in YAML else read_json(file)
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        how = "label: digit, a line each" if file.suffix.lower() in YAML else '{"label": "digit", "epochs": 12}'
        raise VoicecamError(f"{file}: holds no options; write them as {how}")
    if "settings" not in values:
        return values
    settings = {**values["settings"], "seed": values["settings"]["split_seed"]}
    passed = {"split_seed", "training", *({"folds"} if settings["split"] != "folds" else ())}
    return {name: value for name, value in {**settings, **settings["training"]}.items() if name not in passed}


def words(options: Mapping[str, Any]) -> list[str]:
    """Options by name as a command line has them: True and False switch, None is left out, a list is several values."""
    found: list[str] = []
    for name, value in options.items():
        if name == "augment":
            name, value = "no_augment", not value
        if value is not None and value is not False:
            values = value if isinstance(value, list | tuple) else [] if value is True else [value]
            found += [f"--{name.replace('_', '-')}", *map(str, values)]
    return found


def _read_yaml(file: Path) -> Any:
    """What a YAML file says, by the safe loader: plain values, no objects of Python."""
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VoicecamError(f"{file}: no such file") from None
    except (OSError, ValueError, yaml.YAMLError) as reason:  # ValueError: no UTF-8, or a date that is none
        raise VoicecamError(f"{file}: not readable as YAML ({' '.join(str(reason).split())}); mend it there") from None
