"""Odd files of every format that libsndfile and FFmpeg's libraries write: all encodings, streams, cuts, wrong endings, damage,
tags, and small files that claim or hold very much."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import soundfile as sf
from odd import ANY, CUT, RATE, SAME, WHOLE, Zoo, chunk, encoded, head, pcm, plain, riff

READ = {  # libsndfile's formats that are read: their ending
    **{"WAV": "wav", "WAVEX": "wav", "RF64": "rf64", "AIFF": "aiff", "AU": "au", "W64": "w64", "CAF": "caf"},
    **{"FLAC": "flac", "OGG": "ogg", "MP3": "mp3", "NIST": "sph"},
}
NOT_READ = ("SDS", "MAT4", "MAT5", "HTK", "RAW", "PVF", "VOC", "IRCAM", "SVX", "AVR", "XI", "MPC2K")
LOSSLESS = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_16", "ALAC_24", "ALAC_32")
COARSE = ("VOX_ADPCM", "DWVW_12", "NMS_ADPCM_16", "NMS_ADPCM_24", "PCM_U8", "PCM_S8", "DPCM_8", "G723_24", "GSM610")
BROKEN = {("AIFF", "DWVW_12"), ("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III")}  # by libsndfile
CONTAINERS = ("wav", "matroska", "mov", "ipod", "ogg", "caf", "asf", "aiff", "au", "adts", "amr", "mp3", "w64", "webm", "3gp")
ENDINGS = {"matroska": "mka", "ipod": "m4a", "asf": "wma", "adts": "aac"}


def add_formats(zoo: Zoo, *, few: bool) -> None:
    """All groups of this file. few : a tenth of the cut and damaged files"""
    encodings(zoo)
    ffmpeg(zoo)
    streams(zoo)
    large_heads(zoo)
    made = {kind: encoded(plain(), format=kind, subtype=sf.default_subtype(kind)) for kind in READ}
    cut_formats(zoo, made, shares=(0.5,) if few else (0.01, 0.03, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999))
    damaged(zoo, made, times=2 if few else 12)
    wrong_endings(zoo, made)
    joined(zoo, made)
    tags(zoo)
    bombs(zoo)


def encodings(zoo: Zoo) -> None:
    """All that libsndfile writes."""
    for kind, ending in READ.items():
        for subtype in sorted(sf.available_subtypes(kind)):
            for endian in ("LITTLE", "BIG") if kind in ("WAV", "AIFF", "AU", "CAF") and subtype in LOSSLESS else ("FILE",):
                try:
                    data = encoded(plain(), format=kind, subtype=subtype, endian=endian)
                except (sf.LibsndfileError, ValueError):
                    continue
                expect = WHOLE if (kind, subtype) in BROKEN else ANY if subtype in COARSE else SAME
                name = f"{kind}-{subtype}-{endian}.{ending}"
                zoo.add("libsndfile's encodings", name, data, expect, exact=subtype in LOSSLESS)
    for kind in NOT_READ:
        if kind in sf.available_formats():
            subtype = sf.default_subtype(kind)
            data = encoded(plain(), format=kind, subtype=subtype) if kind != "RAW" else pcm(plain())
            zoo.add("libsndfile's encodings", f"{kind}.wav", data, CUT)


def ffmpeg(zoo: Zoo) -> None:
    """All that FFmpeg's libraries write, each codec in up to three containers."""
    try:
        import av
    except ImportError:
        return
    av.logging.set_level(av.logging.PANIC)
    for codec in sorted(av.codec.codecs_available):
        try:
            found = av.codec.Codec(codec, "w")
        except (av.FFmpegError, ValueError):
            continue
        if found.type != "audio":
            continue
        made = 0
        for container in CONTAINERS:
            data = _muxed(av, found, container)
            if data and made < 3:
                made += 1
                ending = ENDINGS.get(container, container)
                zoo.add("FFmpeg's encodings", f"{codec}-{container}.{ending}", data, ANY if codec in _LOSSY else WHOLE)


_LOSSY = ("comfortnoise", "anull", "dfpwm", "g723_1", "real_144", "adpcm_ima_ws", "roq_dpcm", "libopencore_amrnb", "adpcm_argo")


def _muxed(av: object, codec: object, container: str) -> bytes | None:
    """The voice in a codec and container, None where they do not go together."""
    import soxr

    rates = list(codec.audio_rates or [])  # type: ignore[attr-defined]
    rate = RATE if not rates or RATE in rates else next((r for r in (48_000, 44_100) if r in rates), rates[0])
    rate = {"libopencore_amrnb": 8_000, "g723_1": 8_000, "real_144": 8_000}.get(codec.name, rate)  # type: ignore[attr-defined]
    samples = soxr.resample(plain(), RATE, rate)
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=container) as out:  # type: ignore[attr-defined]
            track = out.add_stream(codec.name, rate=rate, layout="mono")  # type: ignore[attr-defined]
            frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")  # type: ignore[attr-defined]
            frame.sample_rate = rate
            queue = av.AudioFifo()  # type: ignore[attr-defined]
            for part in av.AudioResampler(track.codec_context.format.name, "mono", rate).resample(frame):  # type: ignore[attr-defined]
                queue.write(part)
            track.codec_context.open()
            for part in queue.read_many(track.codec_context.frame_size or 1024, partial=True):
                out.mux(track.encode(part))
            out.mux(track.encode(None))
    except (av.FFmpegError, ValueError, OSError, TypeError):  # type: ignore[attr-defined]
        return None
    return buffer.getvalue() or None


def streams(zoo: Zoo) -> None:
    """Files of programs that did not know the length: pipes, recorders that were killed, live broadcasts."""
    data = pcm(plain())
    for size in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFF000, 0x7FFFF024):
        zoo.add("streams", f"pipe-{size:x}.wav", riff(head(), chunk(b"data", data, size=size), size=size), SAME, exact=True)
    big = np.round(plain() * 32767).astype(">i2").tobytes()
    for start in (24, 28, 64):
        said = struct.pack(">IIIII", start, 0xFFFFFFFF, 3, RATE, 1)
        zoo.add("streams", f"pipe-{start}.au", b".snd" + said + bytes(start - 24) + big, SAME, exact=True)
    flac = bytearray(encoded(plain(), format="FLAC"))
    for total in (0, 2**36 - 1):
        flac[21:26] = (int.from_bytes(flac[21:26]) >> 36 << 36 | total).to_bytes(5)
        zoo.add("streams", f"pipe-{total}.flac", bytes(flac), SAME, exact=True)
    for total in (1, 2**30, 2**35):
        flac[21:26] = (int.from_bytes(flac[21:26]) >> 36 << 36 | total).to_bytes(5)
        zoo.add("streams", f"pipe-{total}.flac", bytes(flac), CUT if total > 1 else ANY)
    mp3 = encoded(plain(), format="MP3", subtype="MPEG_LAYER_III")
    zoo.add("streams", "no-xing.mp3", mp3[mp3.index(mp3[:2], 4) :], SAME)
    ogg = encoded(plain(), format="OGG", subtype="VORBIS")
    zoo.add("streams", "no-end.ogg", ogg[: ogg.rindex(b"OggS")], CUT)
    caf = bytearray(encoded(plain(), format="CAF"))
    at = caf.index(b"data") + 4
    caf[at : at + 8] = b"\xff" * 8
    zoo.add("streams", "no-length.caf", bytes(caf), WHOLE, exact=True)


def large_heads(zoo: Zoo) -> None:
    """64-bit sizes, and RF64 in all its halves: with and without its ds64 chunk, with sizes that lie."""
    data = pcm(plain())
    for said in (len(data), len(data) - 2, len(data) + 2, 2**40, 2**63, 2**64 - 1, 0):
        ds64 = chunk(b"ds64", struct.pack("<QQQI", len(data) + 72, said, len(data) // 2, 0))
        body = riff(ds64, head(), chunk(b"data", data, size=2**32 - 1), size=2**32 - 1, name=b"RF64")
        expect = SAME if said == len(data) else CUT if said > len(data) else ANY
        zoo.add("64-bit sizes", f"rf64-{said}.rf64", body, expect, exact=True)
    zoo.add("64-bit sizes", "no-ds64.rf64", riff(head(), chunk(b"data", data), name=b"RF64"), WHOLE, exact=True)
    bw = riff(chunk(b"ds64", bytes(28)), head(), chunk(b"data", data))
    zoo.add("64-bit sizes", "ds64-in-riff.wav", bw, ANY)
    for kind in ("W64", "CAF", "AIFF"):
        whole = encoded(plain(), format=kind)
        at = {"W64": whole.find(b"data", 40) + 16, "CAF": whole.find(b"data") + 4, "AIFF": whole.find(b"SSND") + 4}[kind]
        width = 4 if kind == "AIFF" else 8
        for value in (0, 1, 2**15, 2 ** (8 * width - 1) - 1, 2 ** (8 * width) - 1):
            changed = bytearray(whole)
            changed[at : at + width] = value.to_bytes(width, "little" if kind == "W64" else "big")
            zoo.add("64-bit sizes", f"{kind}-{value}.{READ[kind]}", bytes(changed), ANY)


def cut_formats(zoo: Zoo, made: dict[str, bytes], *, shares: tuple[float, ...]) -> None:
    """Every format with its end missing."""
    for kind, data in made.items():
        for share in shares:
            zoo.add("cut anywhere", f"{kind}-{share}.{READ[kind]}", data[: int(share * len(data))], CUT)
        zoo.add("cut anywhere", f"{kind}-last.{READ[kind]}", data[:-1], CUT if kind not in ("AIFF", "CAF") else ANY)


def damaged(zoo: Zoo, made: dict[str, bytes], *, times: int) -> None:
    """Bytes changed by chance, most of them in the head."""
    rng = np.random.default_rng(20)
    for kind, data in made.items():
        for n in range(times):
            changed = np.frombuffer(data, np.uint8).copy()
            reach = min(len(changed), 120) if n % 3 else len(changed)
            changed[rng.integers(4, reach, 1 + n)] = rng.integers(0, 256, 1 + n)
            zoo.add("damaged bytes", f"{kind}-{n}.{READ[kind]}", changed.tobytes(), ANY)


def wrong_endings(zoo: Zoo, made: dict[str, bytes]) -> None:
    """A format under another's ending, and under none."""
    for kind, data in made.items():
        for ending in {"wav", "mp3", "m4a"} - {READ[kind]}:
            zoo.add("wrong endings", f"{kind}.{ending}", data, SAME)
    zoo.add("wrong endings", "none", made["WAV"], SAME)
    zoo.add("wrong endings", "x.txt", made["FLAC"], SAME)


def joined(zoo: Zoo, made: dict[str, bytes]) -> None:
    """Files behind one another, and bytes before and after a file."""
    voice = made["WAV"]
    for kind, data in made.items():
        zoo.add("joined", f"{kind}-twice.{READ[kind]}", data + data, ANY if kind in ("MP3", "OGG", "FLAC") else WHOLE)
    for name, tail in {"zeros": bytes(1_000), "text": b"\nbye\n", "id3v1": b"TAG" + bytes(125), "one": b"\0"}.items():
        zoo.add("joined", f"{name}-after.wav", voice + tail, SAME, exact=True)
    for name, lead in {"zeros": bytes(16), "newline": b"\r\n", "bom": b"\xef\xbb\xbf"}.items():
        zoo.add("joined", f"{name}-before.wav", lead + voice, WHOLE)
    zoo.add("joined", "id3-before.wav", _id3(100) + voice, WHOLE)
    zoo.add("joined", "id3-before.flac", _id3(100) + made["FLAC"], WHOLE)


def _id3(size: int) -> bytes:
    return b"ID3\x03\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def tags(zoo: Zoo) -> None:
    """Titles, pictures and notes, large and not in any alphabet."""
    data, mp3 = chunk(b"data", pcm(plain())), encoded(plain(), format="MP3", subtype="MPEG_LAYER_III")
    for size in (1, 1_000, 2_000_000):
        expect = SAME if size == 1_000 else WHOLE  # libsndfile looks for the samples within a megabyte
        zoo.add("tags", f"list-{size}.wav", riff(head(), chunk(b"LIST", b"INFO" + b"\xff" * size), data), expect, exact=True)
        zoo.add("tags", f"id3-{size}.mp3", _id3(size) + mp3, expect)
    zoo.add("tags", "id3-lies.mp3", b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + mp3, CUT)
    zoo.add("tags", "many-chunks.wav", riff(head(), chunk(b"JUNK", b"") * 50_000, data), WHOLE, exact=True)
    zoo.add("tags", "too-many-chunks.wav", riff(head(), chunk(b"JUNK", b"") * 200_000, data), WHOLE, exact=True)
    flac = encoded(plain(), format="FLAC")
    rest = flac[42:]
    fields = struct.pack(">II9sIIIIII", 3, 9, b"image/png", 0, 0, 0, 0, 0, 1_000_000)
    picture = b"\x06" + (len(fields) + 1_000_000).to_bytes(3) + fields + bytes(1_000_000)
    first = b"fLaC\x00" + flac[5:42]
    zoo.add("tags", "cover.flac", first + picture + rest, SAME, exact=True)
    zoo.add("tags", "cover-lies.flac", first + b"\x06\xff\xff\xff" + bytes(10) + rest, CUT)


def bombs(zoo: Zoo) -> None:
    """Small files that hold, or claim, very much."""
    for name, blocks in {"hour": 60, "ten-hours": 600}.items():
        path = zoo.place("very much", f"{name}-of-silence.flac")
        with sf.SoundFile(path, "w", RATE, 1, format="FLAC") as file:
            for _ in range(blocks):
                file.write(np.zeros(60 * RATE, np.int16))
        zoo.note("very much", path, ANY)
    wide = zoo.place("very much", "eight-channels-of-silence.flac")
    with sf.SoundFile(wide, "w", 192_000, 8, format="FLAC") as file:
        for _ in _minutes(10):
            file.write(np.zeros((192_000 * 6, 8), np.int16))
    zoo.note("very much", wide, ANY)
    for name, size in {"4-gb": 2**32 - 100, "1-gb": 2**30}.items():
        path = zoo.add("very much", f"sparse-{name}.wav", riff(head(), chunk(b"data", b"", size=size - 44)), ANY)
        with open(path, "r+b") as file:
            file.truncate(size)
    for n in (2**20, 2**28):
        data = riff(head(channels=2, rate=768_000), chunk(b"data", pcm(plain()), size=n))
        zoo.add("very much", f"claims-{n}.wav", data, CUT)
    zoo.add("very much", "slow.wav", riff(head(rate=2_000), chunk(b"data", pcm(np.tile(plain(), 20)))), ANY)


def _minutes(n: int) -> Iterator[int]:
    yield from range(n)
