from pathlib import Path

import numpy as np
import pytest
import soundfile
from rapidfuzz.distance import Levenshtein

import seqrec
from seqrec import recognizer
from seqrec.decoding import Failure, Hypothesis, greedy
from seqrec.errors import ConfigError, DataError, ModelError
from seqrec.modelfolder import ModelFolder
from seqrec.packing import pack
from seqrec.recognizer import Recognizer
from seqrec.runtime import LONGEST, OnnxRuntime, pieces_of
from seqrec.samples import Sample
from seqrec.synth.handwriting import make_writer, write
from tests.models import beeps, image_model, line, sound_model, write_line


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return seqrec.load(image_model(tmp_path_factory.mktemp("image")))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return seqrec.load(sound_model(tmp_path_factory.mktemp("sound")))


def test_an_image_file_is_read(images, tmp_path):
    found = images.transcribe(write_line(tmp_path / "x.png", "badge"))
    assert (found.id, found.text) == (str(tmp_path / "x.png"), "badge")
    assert 0.99 < found.confidence <= 1


@pytest.mark.parametrize(
    "image",
    [
        line("abba"),
        np.repeat(line("abba")[:, :, None], 3, axis=2),
        line("abba") / 255,
        (line("abba") / 255).astype(np.float32),
        np.asfortranarray(line("abba")),
    ],
)
def test_an_image_array_is_read_as_its_file_is(images, image):
    assert images.transcribe(image).text == "abba"


def test_a_sample_gives_its_id_and_region(images, tmp_path):
    path = write_line(tmp_path / "x.png", "abc")
    whole = images.transcribe(Sample("whole", path=path))
    left = images.transcribe(Sample("left", path=path, polygon=((0, 0), (4, 0), (4, 8), (0, 8))))
    assert (whole.id, whole.text) == ("whole", "abc")
    assert (left.id, left.text) == ("left", "ab")


def test_strokes_are_drawn_for_an_image_model(images):
    found = images.transcribe([[[0, 0], [100, 0]], np.array([[50, 40, 0.5], [60, 40, 0.6]])])
    assert found.id == "strokes"


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_sound_array_is_resampled(sounds, count, rate):
    assert sounds.transcribe(beeps(count, rate), rate=rate).text == "x" * count


@pytest.mark.parametrize("dtype", [np.float64, np.int16, np.int32, np.uint8])
def test_sound_in_any_type_is_as_loud(sounds, dtype):
    signal = beeps(2)
    if dtype == np.uint8:
        signal = (signal * 128 + 128).astype(np.uint8)
    elif np.issubdtype(dtype, np.integer):
        signal = (signal * np.iinfo(dtype).max).astype(dtype)
    loud = sounds.transcribe(beeps(2), rate=8000)
    found = sounds.transcribe(signal.astype(dtype), rate=8000)
    assert found.text == "xx"
    assert found.confidence == pytest.approx(loud.confidence, abs=0.02)


def test_channels_are_mixed(sounds):
    assert sounds.transcribe(np.stack([beeps(2)] * 2, axis=1), rate=8000).text == "xx"


def test_a_sound_file_and_its_array_agree(sounds, tmp_path):
    soundfile.write(tmp_path / "x.wav", beeps(2), 8000, subtype="FLOAT")
    from_file = sounds.transcribe(tmp_path / "x.wav")
    assert from_file.confidence == sounds.transcribe(beeps(2), rate=8000).confidence
    assert from_file.text == "xx"


BAD_IMAGES = [
    (np.zeros((0, 5), np.uint8), {}, "an image"),
    (np.zeros(5, np.uint8), {}, "an image"),
    (np.zeros((8, 8, 4), np.uint8), {}, "an image"),
    (np.zeros((8, 8), np.int64), {}, "an image"),
    (np.zeros((8, 8), np.uint16), {}, "is of uint16; expected uint8"),
    (np.full((8, 8), np.nan), {}, "NaN or infinity"),
    (np.zeros((8, 9000), np.uint8), {}, "array: is 9000 pixels wide"),
    ([[[1]]], {}, "points"),
    ([[["a", "b"]]], {}, "no number"),
    ([[["1", "2"]]], {}, "no number"),
    ([np.array([["1", "2"]])], {}, "no number"),
    ([[[0, 0], [1]]], {}, "no number"),
]


@pytest.mark.parametrize(("given", "keywords", "said"), BAD_IMAGES)
def test_what_is_no_image(images, given, keywords, said):
    with pytest.raises(DataError, match=said):
        images.transcribe(given, **keywords)


BAD_SOUNDS = [
    (np.zeros(0, np.float32), {"rate": 8000}, "a sound"),
    (np.zeros((2, 2, 2)), {"rate": 8000}, "a sound"),
    (np.zeros(9, complex), {"rate": 8000}, "a sound"),
    (np.zeros(9), {}, "comes with rate=None; expected the sound's rate in Hz"),
    (np.zeros(9), {"rate": 0}, "comes with rate=0"),
    (np.full(9000, np.nan), {"rate": 8000}, "array: "),
    ([[[0, 0], [1, 1]]], {}, "strokes"),
]


@pytest.mark.parametrize(("given", "keywords", "said"), BAD_SOUNDS)
def test_what_is_no_sound(sounds, given, keywords, said):
    with pytest.raises(DataError, match=said):
        sounds.transcribe(given, **keywords)


def test_a_file_that_is_not_there(images, tmp_path):
    with pytest.raises(DataError, match=r"none\.png"):
        images.transcribe(tmp_path / "none.png")


@pytest.fixture
def mixed(tmp_path):
    """Good and bad samples, and a failure that came with them."""
    texts = ["a", "bad", "", "cab", "h", "feed"]
    samples = [Sample(f"s{i}", path=write_line(tmp_path / f"{i}.png", text)) for i, text in enumerate(texts)]
    (tmp_path / "broken.png").write_bytes(b"no image")
    samples.insert(2, Sample("broken", path=tmp_path / "broken.png"))
    samples.insert(4, Failure("line 7", DataError("m.jsonl:7", "is not JSON")))
    samples.append(Sample("gone", path=tmp_path / "gone.png"))
    return samples


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_results_come_in_order_and_failures_stop_nothing(images, mixed, batch):
    results = list(Recognizer(images.folder, images.runtime, batch).decode(iter(mixed)))
    assert [r.id for r in results] == [s.id for s in mixed]
    texts = [r.text if isinstance(r, Hypothesis) else "!" for r in results]
    assert texts == ["a", "bad", "!", "", "!", "cab", "h", "feed", "!"]


@pytest.mark.parametrize(("batch", "before"), [(1, 1), (3, 6), (100, 10)])
def test_samples_are_taken_as_they_are_needed(images, tmp_path, batch, before):
    """The next ones while the first are recognised, but for a batch of one, each answered before the next is taken."""
    taken = []

    def samples():
        for i in range(10):
            taken.append(i)
            yield Sample(str(i), path=write_line(tmp_path / "x.png", "a"))

    results = Recognizer(images.folder, images.runtime, batch).decode(samples())
    for number in range(10):
        assert next(results).id == str(number)
        assert len(taken) == min(10, -(-(number + 1) // batch) * batch + (batch if batch > 1 else 0))
        assert number or len(taken) == before


def test_a_window_is_bounded_by_its_frames(images, tmp_path, monkeypatch):
    """Two columns of 8 numbers and a third, for each sample: 24 numbers."""
    monkeypatch.setattr(recognizer, "_WINDOW", 47)
    taken = []

    def samples():
        for i in range(10):
            taken.append(i)
            yield Sample(str(i), path=write_line(tmp_path / "x.png", "a"))

    results = Recognizer(images.folder, images.runtime).decode(samples())
    assert next(results).text == "a"
    assert len(taken) == 4
    assert len(list(results)) == 9


@pytest.fixture(scope="module")
def ink():
    return seqrec.load(Path(__file__).parent.parent / "recipes" / "unipen_words" / "model.zip")


def words(count):
    rng = np.random.default_rng(0)
    return [Sample(f"w{i}", strokes=write("oil", make_writer(rng), rng)) for i in range(count)]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_ink_together_and_alone(ink, batch):
    """Ink's frames are computed for many samples at once; what is no ink stays in its place."""
    good = words(5)
    given = [good[0], Sample("none", strokes=()), *good[1:3], Failure("bad", DataError("m:4", "is not JSON"))]
    given += [good[3], Sample("file", path=Path("x.png")), Sample("far", strokes=(np.array([[0, 1e13]]),)), good[4]]
    results = list(Recognizer(ink.folder, ink.runtime, batch).decode(given))
    assert [r.id for r in results] == [s.id for s in given]
    failed = {r.id: str(r.error) for r in results if isinstance(r, Failure)}
    assert list(failed) == ["none", "bad", "file", "far"]
    assert "has no ink" in failed["none"]
    assert "goes too far" in failed["far"]
    for sample, result in zip(given, results, strict=True):
        if isinstance(result, Hypothesis):
            alone = ink.transcribe(sample)
            assert (result.text, result.confidence) == (alone.text, pytest.approx(alone.confidence, abs=1e-5))


def test_long_ink_reads_the_same_in_pieces(ink):
    """Words one beside the other, with the frames of some six pieces: the network in one run gives the same text."""
    frames = np.concatenate(ink.extractor.frames_of([ink.extractor.read(word) for word in words(300)]))
    assert len(frames) > LONGEST
    (whole,), _ = ink.runtime.run(ink.runtime.normalizer(frames)[None], np.array([len(frames)]))
    [pieces] = ink.runtime.log_probs([frames])
    one, other = (ink.alphabet.decode(greedy.best_path(each, ink.alphabet)) for each in (whole, pieces))
    assert len(one) > 500
    assert Levenshtein.distance(one, other) <= len(list(pieces_of(0, len(frames), 2))) // 3
    assert np.mean(np.abs(np.exp(whole) - np.exp(pieces)) > 0.01) < 0.001


def test_nothing_to_decode(images):
    assert list(images.decode([])) == []


class Choosy(OnnxRuntime):
    """Fails whenever a long sample is in the run, as when memory ends."""

    def run(self, frames, n_frames):
        if n_frames.max() > 9:
            raise ModelError("model.onnx", "fails")
        return super().run(frames, n_frames)


def test_a_sample_too_large_for_the_network_fails_alone(images, tmp_path):
    samples = [Sample(t, path=write_line(tmp_path / f"{t}.png", t)) for t in ("abc", "abcdefgh", "cab")]
    results = list(Recognizer(images.folder, Choosy(images.folder, 2)).decode(samples))
    assert [isinstance(r, Failure) for r in results] == [False, True, False]
    assert [r.id for r in results] == ["abc", "abcdefgh", "cab"]


class Poisoned(OnnxRuntime):
    def run(self, frames, n_frames):
        log_probs, n_out = super().run(frames, n_frames)
        log_probs[n_frames > 6] = np.nan
        return log_probs, n_out


def test_nan_is_never_a_text(images, tmp_path):
    samples = [Sample(t, path=write_line(tmp_path / f"{t}.png", t)) for t in ("ab", "abc")]
    good, bad = Recognizer(images.folder, Poisoned(images.folder, 2)).decode(samples)
    assert good.text == "ab"
    assert "gives NaN for 'abc'" in str(bad.error)


def test_load_takes_a_packed_model(images, tmp_path):
    pack(ModelFolder(images.folder.path), tmp_path / "m.zip")
    assert seqrec.load(tmp_path / "m.zip", threads=1).transcribe(line("face")).text == "face"


def test_load_names_the_runtimes(images):
    with pytest.raises(ConfigError, match="unknown name 'torch'; expected onnx or tensorflow"):
        seqrec.load(images.folder.path, "torch")


def test_load_names_what_is_missing(tmp_path):
    with pytest.raises(ModelError, match="none: does not exist"):
        seqrec.load(tmp_path / "none")
