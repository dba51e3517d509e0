"""Which files of a folder are sound, by their names. Opens none of them."""

from collections.abc import Iterator
from pathlib import Path

AUDIO_SUFFIXES = (  # what `audio.read` reads; the second line where PyAV is installed
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64", ".caf", ".sph"),
    *(".m4a", ".mp4", ".m4b", ".mov", ".3gp", ".3gpp", ".3g2", ".webm", ".mka", ".mkv", ".aac", ".amr", ".wma"),
)


def audio_files(folder: Path, glob: str = "*") -> Iterator[Path]:
    """Audio files of `folder` that fit `glob`, sorted; hidden files (such as macOS's ._x.wav) are left out."""
    for file in sorted(folder.glob(glob)):
        if file.suffix.lower() in AUDIO_SUFFIXES and not file.name.startswith(".") and file.is_file():
            yield file


def passed_over(folder: Path, glob: str = "*") -> list[str]:
    """Names of the other files that fit `glob`, sorted: no sound files by their suffix; hidden ones are nobody's concern."""
    sounds = set(audio_files(folder, glob))
    return [
        file.name for file in sorted(folder.glob(glob)) if file not in sounds and not file.name.startswith(".") and file.is_file()
    ]


def listing(names: list[str], *, most: int = 5) -> str:
    """ "a, b, c" of at most `most` names, for error lines."""
    return (", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")) or "nothing"
