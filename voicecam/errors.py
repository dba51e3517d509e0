"""The errors a user can cause. Each message says what, what was found, and what to do, in one line.

Scripts catch VoicecamError, print it and exit with status 2; anything else is a bug and keeps its traceback.
"""


class VoicecamError(ValueError):
    """Bad input: settings, files or folders that cannot be used as they are."""


class AudioError(VoicecamError):
    """A recording that cannot be read or holds nothing to work with."""


class SilentError(AudioError):
    """A recording that can be read and in which nothing sounds."""


class DatasetError(VoicecamError):
    """A corpus, image folder, map or split that cannot be used."""


class ModelError(VoicecamError):
    """Weights, a saved model or a run that cannot be used."""


class ExplainError(VoicecamError):
    """An explanation that cannot be computed for this model, layer or clip."""
