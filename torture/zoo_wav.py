"""Odd WAV files, written byte by byte: cut, with sizes that lie, of every number of channels, rate, value and length."""

import struct

import numpy as np
import soundfile as sf
from odd import ANY, CUT, RATE, SAME, WHOLE, Zoo, chunk, encoded, head, pcm, plain, riff


def add_wavs(zoo: Zoo, *, few: bool) -> None:
    """All groups of this file. few : no file of hours"""
    cuts(zoo)
    sizes(zoo)
    channels(zoo)
    rates(zoo)
    numbers(zoo)
    lengths(zoo, few=few)


def cuts(zoo: Zoo) -> None:
    """A WAV with chunks before and after its samples, cut at and beside every boundary."""
    parts = [
        b"RIFF",
        b"\0\0\0\0",
        b"WAVE",
        head(),
        chunk(b"LIST", b"INFOISFT\x05\0\0\0voice\0"),
        chunk(b"odd ", b"abc"),
        chunk(b"bext", bytes(602)),
        chunk(b"data", pcm(plain())),
        chunk(b"cue ", bytes(4)),
        chunk(b"id3 ", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)),
    ]
    whole = bytearray(b"".join(parts))
    whole[4:8] = struct.pack("<I", len(whole) - 8)
    voice_end = sum(map(len, parts[:8]))
    ends = np.cumsum([0, *map(len, parts)])
    places = {int(end + shift) for end in ends for shift in (-4, -1, 0, 1, 4, 8)} | set(range(12, 37, 2))
    for place in sorted(places):
        if 0 <= place <= len(whole):
            expect = SAME if place >= voice_end else CUT
            zoo.add("cut at a chunk", f"cut-{place}.wav", bytes(whole[:place]), expect, exact=True)


def sizes(zoo: Zoo) -> None:
    """Sizes that lie, in the file's head, in fmt and in data."""
    data, true = pcm(plain()), len(pcm(plain()))
    for size in (0, 1, 4, 36, true, true + 35, true + 37, true + 10**6, 2**31 - 1, 2**31, 2**32 - 9, 2**32 - 2, 2**32 - 1):
        zoo.add("sizes that lie", f"riff-{size}.wav", riff(head(), chunk(b"data", data), size=size), WHOLE, exact=True)
    for size in (true + 1, true + 2, true + 3, true + 1000, 2 * true, 2**30, 2**31 - 2**13):
        zoo.add("sizes that lie", f"data-{size}.wav", riff(head(), chunk(b"data", data, size=size)), CUT)
    for size in (0, 1, 2, 3, true - 1, true - 2, true // 2):
        zoo.add("sizes that lie", f"data-{size}.wav", riff(head(), chunk(b"data", data, size=size)), ANY)
    for size in (0, 1, 2, 14, 15, 17, 18, 40, 41, 2**31, 2**32 - 1):
        fmt = head()
        zoo.add("sizes that lie", f"fmt-{size}.wav", riff(fmt[:4] + struct.pack("<I", size) + fmt[8:], chunk(b"data", data)), ANY)
    for size in (1, 3, 2**31 - 1, 2**32 - 1):
        junk = chunk(b"LIST", b"INFO", size=size)
        zoo.add("sizes that lie", f"list-{size}.wav", riff(head(), junk, chunk(b"data", data)), ANY)
    for bits in (0, 1, 7, 8, 12, 15, 17, 20, 33, 64, 65_535):
        zoo.add("sizes that lie", f"bits-{bits}.wav", riff(head(bits=bits), chunk(b"data", data)), ANY)
    zoo.add("sizes that lie", "two-data.wav", riff(head(), chunk(b"data", data), chunk(b"data", data)), WHOLE)
    zoo.add("sizes that lie", "two-fmt.wav", riff(head(), head(rate=8_000), chunk(b"data", data)), ANY)
    zoo.add("sizes that lie", "data-first.wav", riff(chunk(b"data", data), head()), ANY)
    zoo.add("sizes that lie", "no-fmt.wav", riff(chunk(b"data", data)), ANY)
    for tag in (0, 2, 3, 6, 7, 0x11, 0x31, 0x55, 0xFF, 0x161, 0xFFFE, 0xFFFF):
        zoo.add("sizes that lie", f"tag-{tag}.wav", riff(head(tag=tag), chunk(b"data", data)), ANY)


def channels(zoo: Zoo) -> None:
    """The voice on every one of many channels; numbers of channels that lie."""
    voice = plain()
    for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 32, 64, 128, 255, 256, 512, 1_000, 1_023, 1_024):
        data = encoded(np.repeat(voice[:, None], n, axis=1), format="WAV")
        zoo.add("channels", f"{n}.wav", data, SAME, exact=True)
    for n in (1, 2, 3, 6, 8):
        both = np.repeat(voice[:, None], n, axis=1)
        zoo.add("channels", f"{n}.flac", encoded(both, format="FLAC"), SAME, exact=True)
        zoo.add("channels", f"{n}.ogg", encoded(both, format="OGG", subtype="VORBIS"), SAME)
    for n in (0, 3, 1_025, 5_000, 65_535):
        zoo.add("channels", f"says-{n}.wav", riff(head(channels=n), chunk(b"data", pcm(voice))), ANY)
    opposite = np.stack([voice, -voice], axis=1)
    zoo.add("channels", "opposite.wav", encoded(opposite), ANY)
    zoo.add("channels", "one-silent.wav", encoded(np.stack([voice, 0 * voice], axis=1)), SAME)


def rates(zoo: Zoo) -> None:
    """The same voice at rates that recorders have, and samples that say rates that none has."""
    import soxr

    for rate in (16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000, 352_800, 384_000, 768_000):
        moved = soxr.resample(plain(), RATE, rate)
        zoo.add("rates", f"{rate}.wav", encoded(moved, rate, subtype="FLOAT"), SAME)
    for rate in (2_000, 4_000, 8_000, 11_025, 12_000):
        zoo.add("rates", f"{rate}.wav", encoded(soxr.resample(plain(), RATE, rate), rate, subtype="FLOAT"), ANY)
    for rate in (0, 1, 2, 7, 50, 1_999, 768_001, 10**6, 2**31 - 1, 2**31, 2**32 - 1):
        zoo.add("rates", f"says-{rate}.wav", riff(head(rate=rate), chunk(b"data", pcm(plain()))), CUT)
    for rate in (2_000, 15_999, 16_001, 47_999, 767_999):
        zoo.add("rates", f"says-{rate}.wav", riff(head(rate=rate), chunk(b"data", pcm(plain()))), ANY)


def numbers(zoo: Zoo) -> None:
    """Values that no microphone gives."""
    voice = plain().astype(np.float64)

    def add(name: str, samples: np.ndarray, expect: str, *, subtype: str = "FLOAT") -> None:
        zoo.add("numbers", f"{name}.wav", encoded(samples, subtype=subtype), expect)

    for name, value in {"nan": np.nan, "inf": np.inf, "minus-inf": -np.inf}.items():
        for where in (0, len(voice) // 2, -1):
            bad = voice.copy()
            bad[where] = value
            add(f"{name}-{where}", bad, CUT)
        add(f"{name}-all", np.full(len(voice), value), CUT)
    for factor in (1e-30, 1e-6, 1e-3, 0.1, 3.0, 100.0, 1e6, 1e30):
        add(f"times-{factor:g}", voice * factor, SAME if 0.1 <= factor <= 1e6 else ANY)
    for offset in (0.01, 0.5, -0.9, 10.0):
        add(f"offset-{offset:g}", voice + offset, SAME if abs(offset) < 1 else ANY)
    add("largest", np.full(len(voice), np.finfo(np.float32).max), ANY)
    add("huge-double", voice * 1e300, ANY, subtype="DOUBLE")
    add("denormal", np.full(len(voice), 1e-40), ANY)
    add("clipped", np.clip(voice * 20, -1, 1), SAME, subtype="PCM_16")
    add("zeros", 0 * voice, ANY, subtype="PCM_16")
    add("one-step", np.sign(voice) / 32_768, ANY, subtype="PCM_16")
    add("noise", np.random.default_rng(0).uniform(-1, 1, len(voice)), ANY)
    add("square", np.sign(np.sin(np.arange(len(voice)))), ANY)


def lengths(zoo: Zoo, *, few: bool) -> None:
    """From no sample to hours."""
    voice = plain()
    for n in (0, 1, 2, 3, 10, 100, 255, 400, 1_000, 4_000, 8_000, 15_999, 16_000):
        zoo.add("lengths", f"{n}.wav", encoded(voice[:n]), CUT if n == 0 else ANY)
    for seconds in (10, 60, 600) if few else (10, 60, 600, 2_690, 3 * 3600, 5 * 3600):
        path = zoo.place("lengths", f"{seconds}-s.wav")
        with sf.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
            block = voice if seconds == 2_690 else np.concatenate([voice, np.zeros(4 * RATE, np.float32)])
            for _ in range(max(1, seconds * RATE // len(block))):
                file.write(block)
        zoo.note("lengths", path, SAME)
