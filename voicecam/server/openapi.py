"""What the API takes and gives, in words and as OpenAPI. Answers nothing."""

from typing import Any

from voicecam.server.decoding import MOST_SECONDS
from voicecam.server.uploads import MOST_BYTES

ABOUT = (
    "What the shipped model hears in a recording, and where. Recordings are worked on in memory and then forgotten. "
    f"Limits: {MOST_BYTES // 10**6} MB and {MOST_SECONDS:.0f} s an upload."
)
_NUMBER, _TEXT = {"type": "number"}, {"type": "string"}
_NUMBERS = {"type": "array", "items": _NUMBER}
_P = {"type": "object", "additionalProperties": _NUMBER, "description": "probability of each class, 0 to 1; empty without speech"}
_SAID = {
    "prediction": {**_TEXT, "description": 'a class, "uncertain" or "no speech"'},
    "label": {**_TEXT, "nullable": True, "description": "the likeliest class"},
    "probability": {**_NUMBER, "nullable": True, "description": "of the likeliest class"},
    "probabilities": _P,
    "f0": {**_NUMBER, "nullable": True, "description": "median pitch in Hz"},
}
_VERDICT = ("prediction", "label", "probability")
MODEL = {
    "name": {**_TEXT, "description": "of the model"},
    "models": {"type": "array", "items": _TEXT, "description": "names of all that can be asked; the first answers unasked"},
    "label": _TEXT,
    "classes": {"type": "array", "items": _TEXT},
    "threshold": {**_NUMBER, "description": "probability of the likeliest class below which the prediction is uncertain"},
    "endings": {"type": "array", "items": _TEXT, "description": "of sound files' names"},
}
CLASSIFY = {
    **_SAID,
    "speech_seconds": {**_NUMBER, "description": "s of speech"},
    "doubtful": {"type": "boolean", "description": "whether that speech may be music or noise"},
    "windows": {
        "type": "array",
        "description": "start and end in s, and probabilities of each window",
        "items": {"type": "object", "properties": {"start": _NUMBER, "end": _NUMBER, "probabilities": _P}},
    },
    "verdicts": {
        "type": "array",
        "description": "what each model says, in the order of their names in /api/model",
        "items": {"type": "object", "properties": {"model": _TEXT} | {name: _SAID[name] for name in _VERDICT}},
    },
    "timeline": {**_TEXT, "nullable": True, "description": "windows in words"},
    "disagreement": {
        **_TEXT,
        "nullable": True,
        "description": "in words, where windows are sure of different classes, each by the threshold",
    },
    "waveform": {
        "type": "object",
        "nullable": True,
        "description": "lowest and highest sample in equal parts of the recording",
        "properties": {"seconds": _NUMBER, "low": _NUMBERS, "high": _NUMBERS},
    },
    "explanation": {
        "type": "object",
        "nullable": True,
        "description": "of the window that speaks most for the label: start and end in s, picture, map (raw, row 0 lowest), "
        "bands (fall of the score without each, in logits; training: mean of clips, low and high, between which 8 of 10 lie, "
        "each speaker weighing the same)",
        "properties": {"start": _NUMBER, "end": _NUMBER}
        | {name: {"type": "object", "nullable": name == "bands"} for name in ("picture", "map", "bands")},
    },
}
SHIFT = {**_SAID, "semitones": _NUMBER, "wav": {**_TEXT, "description": "the voice at that pitch, WAV in base64"}}
SOUNDS = {
    "label": {**_TEXT, "description": "the likeliest class"},
    "sounds": {
        "type": "object",
        "nullable": True,
        "description": "WAV in base64: window, evidence (what speaks for the label by mel gradients) and rest, equally loud",
    },
    "scores": {
        "type": "object",
        "nullable": True,
        "description": "probability of the label by window, evidence and rest; shifted_evidence, shifted_rest: the same of mel "
        "gradients shifted by chance, in the mean",
    },
    "words": {**_TEXT, "description": "the scores in words"},
}
ERRORS = {
    400: "not for this server's name",
    403: "asked by another page",
    408: "the recording did not arrive in time",
    413: "too large",
    415: "neither a form nor raw samples",
    422: "no sound in it, too long, or not understood; the line says what to do",
    503: "too many at once; try again",
}
_ERROR = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        },
        "application/octet-stream": {
            "schema": {"type": "string", "format": "binary", "description": "float32 samples, little-endian, one channel"}
        },
    },
}


def operation(properties: dict[str, Any]) -> dict[str, Any]:
    """Arguments for a FastAPI route that takes a recording and answers with an object of these properties."""
    errors = {code: {"description": said, "content": _json(_ERROR)} for code, said in ERRORS.items()}
    return {"responses": {**errors, **plain(properties)}, "openapi_extra": {"requestBody": _BODY}}


def plain(properties: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that takes nothing."""
    return {200: {"description": "found", "content": _json({"type": "object", "properties": properties})}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
