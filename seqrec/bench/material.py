"""What is generated for the cases: words in pen ink, a sound, an image of a line, models, held frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqrec.alphabet import Alphabet, least_frames
from seqrec.bench.shapes import weights_of
from seqrec.config import Config, Network
from seqrec.corpora import ink
from seqrec.errors import DataError
from seqrec.features import extractor
from seqrec.files import atomic
from seqrec.modelfolder import Normalizer
from seqrec.network.onnx_graph import to_onnx
from seqrec.samples import OnError, Sample, raise_error, write_manifest
from seqrec.synth import handwriting, morse

_PER_WRITER = 25  # words of one made-up hand
RATE = 8000  # Hz, of the sound


def words(source: Path | None, part: str, count: int | None, on_error: OnError = raise_error) -> Iterator[Sample]:
    """The first words of a part of the UNIPEN folder `source`; without one, generated words of the Latin alphabet."""
    if source is None:
        return itertools.islice(_generated(seed=1 if part == "train" else 2), count)
    return itertools.islice((sample for found, sample in _real(source, on_error) if found == part), count)


def _real(source: Path, on_error: OnError) -> Iterator[tuple[str, Sample]]:
    """As recipes/unipen_words has them: its words, and the lines of writers whom its dev does not hold."""
    lines = [path for path in (source / "lines.jsonl.gz",) if path.exists()]
    return ink.splits_with(source / "words.jsonl.gz", lines, on_error)


def _generated(seed: int) -> Iterator[Sample]:
    rng, letters = np.random.default_rng(seed), list(handwriting.LETTERS)
    for number in itertools.count():
        if number % _PER_WRITER == 0:
            writer = handwriting.make_writer(rng)
        text = "".join(rng.choice(letters, rng.integers(3, 11)))
        yield Sample(f"w{number}", text, strokes=handwriting.write(text, writer, rng))


def short_lines(count: int) -> Iterator[Sample]:
    """Many samples of one or two letters, quickly made: no two hold the same ink."""
    rng, letters = np.random.default_rng(3), list(handwriting.LETTERS)
    texts = ["".join(rng.choice(letters, rng.integers(1, 3))) for _ in range(500)]
    drawn = [handwriting.write(text, handwriting.make_writer(rng), rng) for text in texts]
    for number in range(count):
        strokes = (stroke[::4, :2].round() + np.array([number, 0]) for stroke in drawn[number % len(drawn)])
        yield Sample(f"s{number}", texts[number % len(drawn)], strokes=tuple(strokes))


def hold(samples: Iterable[Sample], config: Config, manifest: Path, data: Path) -> dict[str, float]:
    """Write samples as a manifest, and the same ones' normalised frames and labels as arrays for the peers.

    Samples too short for their text are in neither. Returns how many samples and frames there are.
    """
    extract = extractor(config.features)
    fitting, frames = [], []
    given = list(samples)
    alphabet = Alphabet.of(sample.text or "" for sample in given)
    for sample in given:
        made = extract(sample)
        if config.network.n_out(len(made)) >= least_frames(alphabet.encode(sample.text or "")):
            fitting.append(sample)
            frames.append(made)
    if not fitting:
        raise DataError(manifest, "no sample can be used", "", "see what `seqrec check` says of the source")
    write_manifest(manifest, fitting)
    flat = np.concatenate(frames)
    labels = [alphabet.encode(sample.text or "") for sample in fitting]
    arrays: dict[str, Any] = {
        "frames": ((flat - flat.mean(axis=0)) / np.maximum(flat.std(axis=0), 1e-4)).astype(np.float32),
        "n_frames": np.array([len(each) for each in frames]),
        "labels": np.concatenate(labels).astype(np.int32),
        "n_labels": np.array([len(each) for each in labels]),
        "classes": np.array(alphabet.size),
    }
    with atomic(data, "wb") as out:
        np.savez(out, **arrays)
    return {"samples": len(fitting), "frames": len(flat)}


def write_model(folder: Path, features: dict[str, Any], network: Network, symbols: str) -> Path:
    """A model folder with weights drawn at random."""
    config = Config(features=features, network=network)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / "config.json") as out:
        out.write(config.model_dump_json())
    Alphabet(tuple(symbols)).save(folder / "alphabet.json")
    dim = extractor(features).dim
    Normalizer(np.zeros(dim, np.float32), np.ones(dim, np.float32)).save(folder / "normalizer.npz")
    with atomic(folder / "model.onnx", "wb") as out:
        out.write(to_onnx(network, dim, weights_of(network, dim, len(symbols) + 1)))
    return folder


def sounds(folder: Path, count: int) -> Iterator[Sample]:
    """Morse code of some seconds, each in a file."""
    import soundfile  # type: ignore[import-untyped]

    rng = np.random.default_rng(4)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        text = morse.make_text(rng, 100)
        fist, channel = morse.make_fist(rng, (12, 30), (400, 900)), morse.make_channel(rng, (0.05, 0.7))
        heard = morse.receive(text, fist, channel, rng, RATE)
        soundfile.write(folder / f"{number}.wav", heard, RATE)
        yield Sample(f"m{number}", text, path=folder / f"{number}.wav", start=0.0, end=len(heard) / RATE)


def write_image(path: Path) -> Path:
    """A generated word as a picture of 64 rows, black on white."""
    from PIL import Image, ImageDraw

    [sample] = words(None, "train", 1)
    points = np.concatenate(sample.strokes or ())[:, :2]
    scale = 56 / np.ptp(points[:, 1])
    image = Image.new("L", (int(np.ptp(points[:, 0]) * scale) + 8, 64), 255)
    draw = ImageDraw.Draw(image)
    for stroke in sample.strokes or ():
        draw.line(((stroke[:, :2] - points.min(axis=0)) * scale + 4).ravel().tolist(), fill=0, width=3)
    image.save(path)
    return path
