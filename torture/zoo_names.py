"""Files with odd names, odd places and odd natures: links in circles, pipes, folders and pictures that are called .wav."""

import gzip
import io
import json
import os
import socket
import stat
import zipfile

import numpy as np
from odd import ANY, CUT, PLAIN, SAME, Zoo, encoded, pcm, plain

NAMES = [
    "ünï cödé.wav",
    "नमस्ते.wav",
    "你好.wav",
    "مرحبا.wav",
    "\u202egnp.wav",
    "e\u0301.wav",
    "\u00e9.wav",
    "👩‍🚀🎤.wav",
    "new\nline.wav",
    "carriage\rreturn.wav",
    "tab\t.wav",
    "bell\x07esc\x1b[31m.wav",
    " space.wav",
    "space .wav",
    "dot..wav",
    "-n.wav",
    "--help.wav",
    "a'b\"c`d$e.wav",
    "100%s%d{x}.wav",
    "a\\b.wav",
    "a:b*c?d<e>f|g.wav",
    "CON.wav",
    "nul.wav",
    "x.WAV",
    "x.wAv",
    "x.flac.wav",
    "x.wav.wav",
    "#x.wav",
    "~.wav",
    "null\u2028line.wav",
    "\ufeffbom.wav",
    "x" * 251 + ".wav",
    "é" * 125 + "x.wav",
    "👩" * 62 + "abc.wav",
]
BYTES = [b"caf\xe9.wav", b"\xff\xfe.wav", b"\x80" * 251 + b".wav"]


def add_names(zoo: Zoo) -> None:
    """All groups of this file."""
    voice = encoded(plain())
    for name in (*NAMES, *BYTES):
        zoo.add("names", name, voice, SAME, exact=True)
    links(zoo, voice)
    natures(zoo)
    not_sound(zoo)


def links(zoo: Zoo, voice: bytes) -> None:
    """Links to files and folders, to nothing, to themselves and in circles."""
    there = zoo.add("links", "there.wav", voice, SAME, exact=True)
    deep = zoo.place("links", "deep")
    deep.mkdir()
    (deep / "in.wav").write_bytes(voice)
    zoo.note("links", deep / "in.wav", SAME, exact=True)

    def link(name: str, target: object, expect: str, *, exact: bool = False) -> None:
        path = zoo.place("links", name)
        path.symlink_to(str(target))
        zoo.note("links", path, expect, exact=exact)

    link("absolute.wav", there, SAME, exact=True)
    link("relative.wav", "there.wav", SAME, exact=True)
    link("of-a-link.wav", "relative.wav", SAME, exact=True)
    link("nowhere.wav", "not-there.wav", CUT)
    link("itself.wav", "itself.wav", CUT)
    link("round-1.wav", "round-2.wav", CUT)
    link("round-2.wav", "round-1.wav", CUT)
    link("to-null.wav", "/dev/null", CUT)
    link("to-zero.wav", "/dev/zero", CUT)
    link("to-random.wav", "/dev/urandom", CUT)
    link("to-memory.wav", "/proc/self/mem", CUT)
    link("to-a-folder.wav", deep, ANY)
    for name, target in {"up": "..", "here": ".", "deep/up": ".."}.items():
        zoo.place("links", name).symlink_to(target)
    os.link(there, zoo.place("links", "hard.wav"))
    zoo.note("links", zoo.place("links", "hard.wav"), SAME, exact=True)


def natures(zoo: Zoo) -> None:
    """What is no file at all."""
    pipe = zoo.place("no files", "pipe.wav")
    os.mkfifo(pipe)
    zoo.note("no files", pipe, CUT)
    path = zoo.place("no files", "socket.wav")
    with socket.socket(socket.AF_UNIX) as door:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket may not be long
        try:
            door.bind(path.name)
        finally:
            os.chdir(here)
    zoo.note("no files", path, CUT)
    for name in ("empty-folder.wav", "folder.wav"):
        folder = zoo.place("no files", name)
        folder.mkdir()
    (folder / "in.wav").write_bytes(encoded(plain()))
    zoo.note("no files", zoo.place("no files", "empty-folder.wav"), CUT)
    zoo.note("no files", folder, ANY)
    zoo.note("no files", folder / "in.wav", SAME, exact=True)
    zoo.note("no files", zoo.place("no files", "not-there.wav"), CUT)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def not_sound(zoo: Zoo) -> None:
    """Texts, pictures, archives and the like that are called .wav and .m4a."""
    from PIL import Image

    files = {
        "empty": b"",
        "one-byte": b"R",
        "riff": b"RIFF",
        "newline": b"\n",
        "text": b"Das ist kein Ton.\n" * 100,
        "utf16": "no sound".encode("utf-16"),
        "html": b"<!DOCTYPE html><title>404</title><p>not found",
        "json": json.dumps({"sound": None}).encode(),
        "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(200),
        "script": b"#!/bin/sh\nexit 0\n",
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
        "random": np.random.default_rng(1).bytes(100_000),
        "midi": b"MThd\0\0\0\x06\0\x01\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0",
        "raw": pcm(plain()),
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "gzip": gzip.compress(PLAIN.read_bytes()),
        "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "avi": b"RIFF\x24\0\0\0AVI LIST\x10\0\0\0hdrl",
        "webp": b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0" + bytes(24),
        "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    }
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), "red").save(buffer, form)
        files[form.lower()] = buffer.getvalue()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.wav", encoded(plain()))
    files["zip"] = packed.getvalue()
    for name, data in files.items():
        zoo.add("no sound", f"{name}.wav", data, CUT)
    for name in ("text", "m3u8", "png", "zeros", "concat"):
        for ending in ("m4a", "mp3"):
            zoo.add("no sound", f"{name}.{ending}", files[name], CUT)
