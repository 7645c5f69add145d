"""Streams: what is settled never changes, nothing is lost or doubled at a joint, and memory does not grow."""

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqrec
from seqrec.errors import ConfigError, DataError
from seqrec.features.mfcc import Extractor
from seqrec.modelfolder import ModelFolder
from seqrec.reader import Decoding, Reader
from seqrec.recognizer import load
from seqrec.runtime import Runtime
from seqrec.streaming import Text
from seqrec.streaming.ink import InkStream, Reach
from seqrec.streaming.sound import SoundStream, Timing
from seqrec.synth.handwriting import make_writer, write
from tests.models import SOUND, beeps, image_model, sound_model

WORDS = Path(__file__).parent.parent / "recipes" / "unipen_words" / "model.zip"
READINGS = {"greedy": Decoding(), "beam": Decoding(beam=4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sound_model(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module", params=READINGS)
def sounds(request, folder):
    return load(folder, threads=1, decoding=READINGS[request.param])


@pytest.fixture(scope="module")
def ink():
    return seqrec.load(WORDS, threads=1)


def silence(seconds):
    return np.zeros(round(8000 * seconds), np.float32)


class Watched:
    """A stream that is fed block by block, and what it has said so far; settled text must stay as it is."""

    def __init__(self, stream):
        self.stream, self.done, self.settled, self.partials = stream, [], "", []

    def look(self, partial):
        for hypothesis in partial.done:
            assert hypothesis.text.startswith(self.settled)
            self.settled = ""
            self.done.append(hypothesis)
        assert partial.settled.startswith(self.settled)
        self.settled = partial.settled
        self.partials.append(partial)

    def feed(self, signal, size):
        for begin in range(0, len(signal), size):
            self.look(self.stream.feed(signal[begin : begin + size]))
        return self

    def finish(self):
        self.look(self.stream.finish())
        return [hypothesis.text for hypothesis in self.done]


def heard(model, signal, size=800, rate=8000, **timing):
    stream = SoundStream(model.reader, model.runtime, model.extractor, rate, Timing(**timing))
    return Watched(stream).feed(signal, size).finish()


# Sound


@pytest.mark.parametrize("size", [1, 7, 80, 4001, 1 << 20])
def test_an_utterance_is_read_as_its_file_is(sounds, size):
    assert heard(sounds, beeps(3) if size > 1 else beeps(1), size) == ["xxx" if size > 1 else "x"]


def test_pauses_part_utterances_and_ids_say_where_they_were(sounds):
    signal = np.concatenate([silence(1), beeps(2), silence(2), beeps(3), silence(0.2), beeps(1), silence(5)])
    watched = Watched(sounds.stream(rate=8000)).feed(signal, 800)
    assert [(h.id, h.text) for h in watched.done] == [("0.85-1.65", "xx"), ("3.35-4.85", "xxxx")]
    assert watched.finish() == ["xx", "xxxx"]


@pytest.mark.parametrize("pause", [None, 0.6])
def test_the_joints_of_long_speech_lose_and_double_nothing(sounds, pause):
    """In the model a symbol is a tone, so that it hangs on no context: every symbol of every window is right."""
    texts = heard(sounds, beeps(400), 333, pause=pause, ahead=0.3, back=0.2, step=0.1, longest=5)
    assert "".join(texts) == "x" * 400
    assert len(texts) > 10


@given(
    st.lists(st.tuples(st.integers(1, 6), st.floats(0, 2)), min_size=1, max_size=5),
    st.integers(50, 5000),
    st.floats(0.05, 1),
    st.floats(0.05, 1),
    st.floats(0.05, 1),
)
@settings(max_examples=25, deadline=None)
def test_any_blocks_and_any_timing_give_the_same_text(folder, parts, size, step, ahead, back):
    model = seqrec.load(folder, threads=1)
    signal = np.concatenate([part for count, gap in parts for part in (beeps(count), silence(gap))])
    texts = heard(model, signal, size, step=step, ahead=ahead, back=back)
    assert "".join(texts) == "x" * sum(count for count, _ in parts)


def test_text_settles_before_the_utterance_ends(sounds):
    watched = Watched(SoundStream(sounds.reader, sounds.runtime, sounds.extractor, 8000, Timing(pause=None)))
    watched.feed(beeps(30), 800)  # 6 s
    assert watched.done == []
    tentative = watched.partials[-1].tentative
    assert len(watched.settled) + len(tentative) in (29, 30)
    if sounds.reader.beam is None:
        assert len(watched.settled) >= 20  # all but what is of the last 2 s
    assert watched.finish() == ["x" * 30]


def test_a_closed_lexicon_takes_nothing_back(folder, tmp_path):
    """Five beeps are no word of it, four are; what has settled stands at the end all the same."""
    (tmp_path / "words.txt").write_text("xx\nxxxx\n", encoding="utf-8")
    model = load(folder, threads=1, decoding=Decoding(lexicon=tmp_path / "words.txt", closed=True))
    signal = np.concatenate([beeps(5), silence(1), beeps(2), silence(1)])
    texts = Watched(model.stream(rate=8000)).feed(signal, 400).finish()
    assert texts == ["xxxx", "xx"]


@pytest.mark.parametrize(("hotwords", "first"), [({}, 0.6), ({"a a a a a a a": -0.5}, 1.0)])
def test_with_a_beam_a_doubtful_word_settles_when_others_have_followed(tmp_path, hotwords, first):
    """The first word is a with 0.6, b with 0.4; what is said of the whole text in the end cannot take it back."""
    model = seqrec.load(image_model(tmp_path / "m", "ab cdefg"), decoding=Decoding(beam=8, hotwords=hotwords))
    text, seen = Text(model.reader, model.runtime), []
    for n in range(7):
        frames = np.full((2, 9), -50.0, np.float32)
        frames[0, 1:3] = np.log([0.6, 0.4] if n == 0 else [1, 1e-9])
        frames[1, 3] = 0
        text.add(frames, frames[:0])
        seen.append(text.settled)
    assert seen == ["", "", "", *("a" + " a" * n for n in range(3, 7))]
    found = text.end("x", None)
    assert found.text == "a a a a a a a"
    assert found.words[0].confidence == pytest.approx(first, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_at_any_rate(sounds, rate, channels):
    signal = beeps(4, rate) if channels == 1 else np.stack([beeps(4, rate)] * 2, axis=1)
    assert heard(sounds, signal, 1001, rate) == ["xxxx"]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float64])
def test_sound_comes_in_any_type(sounds, dtype):
    signal = beeps(2)
    if dtype == np.uint8:
        signal = (signal * 128 + 128).astype(np.uint8)
    elif np.issubdtype(dtype, np.integer):
        signal = signal * np.iinfo(dtype).max
    assert heard(sounds, signal.astype(dtype)) == ["xx"]


@pytest.mark.parametrize("signal", [silence(0), silence(3), silence(0.001)])
def test_nothing_gives_nothing(sounds, signal):
    assert heard(sounds, signal) == []


def test_less_than_a_frame_is_read(sounds):
    assert heard(sounds, 0.5 * np.ones(50, np.float32)) == []
    assert heard(sounds, beeps(1)[850:1500], 650) == ["x"]


def test_positions_are_of_the_stream(folder):
    model = load(folder, threads=1, decoding=Decoding(positions=True))
    signal = np.concatenate([silence(2), beeps(2), silence(2), beeps(1)])  # beeps at 2.1, 2.3 and 4.6 s
    watched = Watched(model.stream(rate=8000)).feed(signal, 800)
    watched.finish()
    assert [hypothesis.unit for hypothesis in watched.done] == ["s", "s"]
    places = [(char.start, char.end) for hypothesis in watched.done for char in hypothesis.chars]
    assert np.allclose(places, [(2.1, 2.2), (2.3, 2.4), (4.6, 4.7)], atol=0.06)


class Recorder(Runtime):
    """Gives as log-probabilities which frame each output was made of: two frames an output."""

    def __init__(self, folder):
        super().__init__(folder)
        self.frames = []

    def log_probs(self, frames):
        self.frames += frames
        return [np.log(np.tile([0.9, 0.1], (len(each), 1))).astype(np.float32) for each in frames]

    def run(self, frames, n_frames):
        raise AssertionError


def test_frames_are_those_of_the_whole_signal(folder):
    """Each window's frames are found in the whole signal's, at its place; the windows cover all of it."""
    rng = np.random.default_rng(1)
    signal = (0.1 * rng.standard_normal(8000 * 9)).astype(np.float32)
    extractor = Extractor.parse({k: v for k, v in SOUND.items() if k != "kind"} | {"deltas": 2}, "test")
    opened = ModelFolder(folder)
    runtime = Recorder(opened)
    stream = SoundStream(Reader(opened, Decoding(), 1), runtime, extractor, 8000, Timing(pause=None, back=1, ahead=1))
    Watched(stream).feed(signal, 1234).finish()
    whole = extractor.frames(signal)
    covered = np.zeros(len(whole), bool)
    for frames in runtime.frames:
        inner = frames[:-15] if len(frames) > 30 else frames[:5]  # what follows the window is not known yet
        start = int(np.abs(whole[:, None, 0] - inner[None, :1, 0]).argmin())
        np.testing.assert_allclose(whole[start : start + len(inner)], inner, atol=1e-3)
        covered[start : start + len(frames)] = True
    assert covered.all()
    np.testing.assert_allclose(runtime.frames[-1][-20:], whole[-20:], atol=1e-3)


@pytest.mark.parametrize("pause", [None, 0.6])
def test_memory_does_not_grow(folder, pause):
    model = seqrec.load(folder, threads=1)
    stream = SoundStream(model.reader, model.runtime, model.extractor, 8000, Timing(pause=pause, longest=4))
    block = np.concatenate([beeps(10), silence(1)])
    sizes = []
    tracemalloc.start()
    try:
        for number in range(60):
            for begin in range(0, len(block), 4000):
                stream.feed(block[begin : begin + 4000])
            if number in (19, 39, 59):
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(sizes) < sizes[0] + 100_000


BAD_BLOCKS = [
    (np.zeros((2, 2, 2)), "shape"),
    (np.zeros(4, complex), "complex"),
    (np.array(["a"]), "a sound"),
    (np.array([0, np.nan]), "NaN"),
    (np.array([0, np.inf]), "NaN, infinite"),
    (np.array([1e9]), "absurdly loud"),
]


@pytest.mark.parametrize(("block", "said"), BAD_BLOCKS)
def test_what_is_no_sound(sounds, block, said):
    stream = sounds.stream(rate=8000)
    with pytest.raises(DataError, match=said):
        stream.feed(block)
    assert Watched(stream).feed(beeps(1), 800).finish() == ["x"]


def test_a_finished_stream_takes_no_more(sounds):
    stream = sounds.stream(rate=8000)
    stream.feed(beeps(1))
    assert [h.text for h in stream.finish().done] == ["x"]
    assert stream.finish().done == ()
    with pytest.raises(DataError, match="finished"):
        stream.feed(beeps(1))


def test_the_rate_must_be_known(sounds):
    with pytest.raises(ConfigError, match="without a rate"):
        sounds.stream()
    with pytest.raises(ConfigError, match="7 samples a second"):
        sounds.stream(rate=7)


def test_images_do_not_stream(tmp_path):
    with pytest.raises(ConfigError, match="a model of image"):
        seqrec.load(image_model(tmp_path)).stream()


# Ink


def written(text, seed=1):
    """Strokes (N, 3) of words beside each other."""
    rng = np.random.default_rng(seed)
    writer, right, strokes = make_writer(rng), 0.0, []
    for word in text.split():
        made = [stroke + np.array([right, 0, 0]) for stroke in write(word, writer, rng)]
        right = max(stroke[:, 0].max() for stroke in made) + 20
        strokes += made
    return strokes


def read(stream, strokes, size=None):
    watched = Watched(stream)
    for stroke in strokes:
        watched.feed(stroke, size or len(stroke))
        watched.look(stream.lift())
    return watched.finish(), watched


@pytest.mark.parametrize("size", [None, 1, 30])
def test_a_word_is_read_as_a_whole_at_its_end(ink, size):
    strokes = written("minimum")
    texts, watched = read(ink.stream(), strokes, size)
    assert texts == [ink.transcribe(strokes).text]
    assert any(partial.tentative for partial in watched.partials)
    assert watched.done[0].id == f"0-{sum(map(len, strokes))}"


def test_a_long_line_settles_while_it_is_written_and_is_one_hypothesis(ink):
    strokes = written("one line with many words that goes on and on for a while")
    texts, watched = read(ink.stream(), strokes)
    assert len(texts) == 1
    assert max(len(partial.settled) for partial in watched.partials) > 20
    whole = ink.transcribe(strokes).text
    assert sum(a != b for a, b in zip(texts[0].split(), whole.split(), strict=False)) <= 2


def test_a_new_line_ends_the_line_before(ink):
    first, second = written("first line"), written("second line", 2)
    height = max(stroke[:, 1].max() for stroke in first) - min(stroke[:, 1].min() for stroke in second)
    below = [stroke + np.array([0, height + 20, 0]) for stroke in second]
    texts, watched = read(ink.stream(), first + below)
    assert texts == [ink.transcribe(first).text, ink.transcribe(second).text]
    count = sum(map(len, first))
    assert [h.id for h in watched.done] == [f"0-{count}", f"{count}-{count + sum(map(len, second))}"]


def test_ink_is_forgotten(ink):
    stream = InkStream(ink.reader, ink.runtime, ink.extractor, Reach(step=4, ahead=4, back=8))
    watched, right = Watched(stream), 0.0
    strokes = written("many words")
    for _ in range(8):
        for stroke in strokes:
            watched.look(stream.feed(stroke + np.array([right, 0, 0])))
            watched.look(stream.lift())
        assert len(stream._strokes) < 3 * len(strokes)
        right += max(stroke[:, 0].max() for stroke in strokes) + 20
    assert len(watched.finish()) == 1


BAD_POINTS = [
    (np.zeros(2), "shape"),
    (np.zeros((3, 4)), "shape"),
    (np.array([["a", "b"]]), "points"),
    (np.array([[0, np.nan]]), "NaN"),
    (np.array([[0, 1e15]]), "too far"),
]


@pytest.mark.parametrize(("block", "said"), BAD_POINTS)
def test_what_is_no_ink(ink, block, said):
    with pytest.raises(DataError, match=said):
        ink.stream().feed(block)


def test_points_of_a_stroke_are_alike(ink):
    stream = ink.stream()
    stream.feed(np.zeros((2, 3)))
    with pytest.raises(DataError, match="2 numbers after points of 3"):
        stream.feed(np.zeros((2, 2)))


@pytest.mark.parametrize("blocks", [[], [np.empty((0, 2))], [np.empty((0, 3)), np.empty((0, 2))]])
def test_no_ink_gives_nothing(ink, blocks):
    stream = ink.stream()
    for block in blocks:
        stream.feed(block)
        stream.lift()
    assert stream.finish().done == ()


def test_a_dot_is_ink(ink):
    stream = ink.stream()
    stream.feed(np.array([[3.0, 4.0]]))
    assert len(stream.finish().done) <= 1


def test_ink_has_no_rate(ink):
    with pytest.raises(ConfigError, match="model of ink"):
        ink.stream(rate=8000)


# The command


PCM = (beeps(2) * 32767).astype("<i2").tobytes()
PAUSE = bytes(2 * 8000)


def decode(model, data, *options):
    command = [sys.executable, "-m", "seqrec", "decode", str(model), "--stream", *options]
    return subprocess.run(command, input=data, capture_output=True, timeout=300)


@pytest.mark.parametrize(
    ("options", "data", "stdout", "stderr"),
    [
        ([], PCM + PAUSE + PCM, "xx\nxx\n", ""),
        ([], b"", "", ""),
        ([], PCM + b"x", "xx\n", "seqrec: stdin ends within a sample: 1 bytes are left out\n"),
        (["--encoding", "f32le"], beeps(3).astype("<f4").tobytes(), "xxx\n", ""),
        (["--encoding", "s16be"], (beeps(2) * 32767).astype(">i2").tobytes(), "xx\n", ""),
        (["--encoding", "u8"], (beeps(2) * 127 + 128).astype("u1").tobytes(), "xx\n", ""),
        (["--format", "csv"], PCM, "id,text,confidence\n0.00-0.50,xx,1.0000\n", ""),
        (["--beam", "2"], PCM, "xx\n", None),
    ],
)
def test_raw_sound_is_read(folder, options, data, stdout, stderr):
    found = decode(folder, data, "--rate", "8000", *options)
    assert (found.stdout.decode(), found.returncode) == (stdout, 0)
    assert stderr is None or found.stderr.decode() == stderr


def test_partial_results_are_rows(folder):
    signal = (np.concatenate([beeps(30), silence(1)]) * 32767).astype("<i2").tobytes()
    found = decode(folder, signal, "--rate", "8000", "--format", "jsonl", "--partial")
    *partial, last = map(json.loads, found.stdout.decode().splitlines())
    assert last["text"] == "x" * 30
    assert len(partial) >= 1
    for row in partial:
        assert last["text"].startswith(row["settled"])


@pytest.mark.parametrize(
    ("options", "data", "code", "said"),
    [
        ([], PCM, 2, "--rate 16000"),
        (["--rate", "0"], PCM, 2, "--rate"),
        (["--rate", "8000", "x.wav"], PCM, 2, "not x.wav"),
        (["--rate", "8000", "--review"], PCM, 2, "waits for the end"),
        (["--rate", "8000", "--format", "srt"], PCM, 2, "waits for the end"),
        (["--rate", "8000", "--partial"], PCM, 2, "--format jsonl"),
        (["--rate", "8000", "--encoding", "mp3"], PCM, 2, "s16le"),
        (["--rate", "8000"], b"RIFF" + PCM, 1, "without a header"),
        (["--rate", "8000", "--encoding", "f32le"], b"\xff" * 8, 1, "NaN"),
    ],
)
def test_wrong_streams_are_one_line(folder, options, data, code, said):
    found = decode(folder, data, *options)
    assert found.returncode == code
    last = found.stderr.decode().splitlines()[-1]
    assert said in last
    assert b"Traceback" not in found.stderr


def test_an_image_model_does_not_stream(tmp_path):
    found = decode(image_model(tmp_path), PCM, "--rate", "8000")
    assert (found.returncode, found.stdout) == (2, b"")
    assert b"--stream reads sound" in found.stderr
    assert b"a model of image" in found.stderr


@pytest.mark.parametrize("options", [["--rate", "8000"], ["--encoding", "u8"], ["--partial"]])
def test_options_of_streams_need_one(folder, options):
    command = [sys.executable, "-m", "seqrec", "decode", str(folder), "x.wav", *options]
    found = subprocess.run(command, capture_output=True, timeout=300)
    assert found.returncode == 2
    assert b"--stream" in found.stderr


def live(folder, **keywords):
    command = [sys.executable, "-m", "seqrec", "decode", str(folder), "--stream", "--rate", "8000"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_ctrl_c_ends_the_stream_and_not_the_text(folder):
    with live(folder, stdout=subprocess.PIPE) as process:
        process.stdin.write(PCM + PAUSE + PCM)
        process.stdin.flush()
        assert process.stdout.readline() == b"xx\n"  # as soon as it has ended, while the input goes on
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"xx\n"
        assert process.stderr.read() == b""
        assert process.wait(300) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
def test_a_terminal_shows_one_line_that_is_written_again(folder):
    parent, child = os.openpty()
    with live(folder, stdout=child) as process:
        os.close(child)
        process.stdin.write((beeps(20) * 32767).astype("<i2").tobytes())
        process.stdin.close()
        shown = b""
        try:
            while block := os.read(parent, 4096):
                shown += block
        except OSError:  # how the end of a terminal is told
            pass
        assert process.wait(300) == 0
    os.close(parent)
    lines = shown.decode().split("\r\x1b[K")
    assert len(lines) > 3
    assert lines[-2:] == ["x" * 20 + "\r\n", ""] or lines[-1].endswith("x" * 20 + "\r\n")
    assert all("\n" not in line for line in lines[:-2])
