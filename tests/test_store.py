"""Stored frames: found again by content alone, never half-written, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqrec.augment import sound
from seqrec.errors import ConfigError, DataError
from seqrec.extraction import Recipe, Workers
from seqrec.features import extractor
from seqrec.files import locked
from seqrec.samples import Manifest, Sample, write_manifest
from seqrec.store import Frames, stored_frames
from seqrec.synth.handwriting import make_writer, write

INK = Recipe({"kind": "strokes"})
SOUND = Recipe({"kind": "mfcc", "rate": 8000, "output": "logmel", "mels": 4, "deltas": 0})
AUGMENTED = replace(INK, signal={"slant": 0.3, "jitter": 0.05}, copy=1, seed=7)
OWN = """
from typing import ClassVar

import numpy as np
from seqrec import features

class Extractor(features.Extractor):
    domain: ClassVar = "ink"
    dim: ClassVar = 2

    def read(self, sample):
        return sample.strokes

    def frames(self, signal):
        return {frames}
"""


def ink(count: int, seed: int = 0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    writer = make_writer(rng)
    return [Sample(f"s{i}", "lo", strokes=write("lo", writer, rng)) for i in range(count)]


def sounds(folder: Path, *seconds: float) -> list[Sample]:
    samples = []
    for i, duration in enumerate(seconds):
        path = folder / f"{i}.wav"
        soundfile.write(path, 0.1 * np.sin(np.arange(round(8000 * duration)) * (i + 1) / 9), 8000)
        samples.append(Sample(f"s{i}", "x", path=path))
    return samples


def sets(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_same(a: Frames, b: Frames) -> None:
    assert len(a) == len(b)
    assert a.failures == b.failures
    for i in range(len(a)):
        np.testing.assert_array_equal(a[i], b[i])


def test_frames_are_those_of_the_extractor(tmp_path: Path) -> None:
    samples = ink(3)
    stored = stored_frames(samples, INK, tmp_path)
    made = extractor(INK.features)
    assert (len(stored), stored.dim, stored.failures) == (3, made.dim, {})
    for i, sample in enumerate(samples):
        np.testing.assert_allclose(stored[i], made(sample), atol=1e-6)
        assert stored[i].dtype == np.float32
        assert not stored[i].flags.writeable
    assert stored.n_frames.tolist() == [len(made(sample)) for sample in samples]


def test_the_same_content_is_computed_once(tmp_path: Path) -> None:
    counted: list[tuple[int, int]] = []

    def again(samples: list[Sample], recipe: Recipe = INK) -> Frames:
        return stored_frames(samples, recipe, tmp_path, progress=lambda *at: counted.append(at))

    first = again(ink(2))
    assert counted == [(2, 2)]
    renamed = [replace(sample, id=f"other {sample.id}", text="another") for sample in ink(2)]
    assert_same(first, again(renamed))
    assert_same(first, again(ink(2), Recipe(dict(INK.features))))
    assert len(counted) == 1
    assert len(sets(tmp_path)) == 1


def moved(samples: list[Sample]) -> list[Sample]:
    first, *rest = samples
    assert first.strokes is not None
    nudged = (first.strokes[0] + np.eye(*first.strokes[0].shape) * 1e-9, *first.strokes[1:])
    return [replace(first, strokes=nudged), *rest]


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        (INK, moved),
        (INK, lambda samples: samples[::-1]),
        (INK, lambda samples: samples[:1]),
        (Recipe({"kind": "strokes", "slant": False}), list),
        (replace(INK, copy=1), list),
        (AUGMENTED, list),
        (replace(AUGMENTED, copy=2), list),
        (replace(AUGMENTED, seed=8), list),
        (replace(AUGMENTED, signal={"slant": 0.2, "jitter": 0.05}), list),
    ],
)
def test_another_content_is_another_set(
    tmp_path: Path, recipe: Recipe, change: Callable[[list[Sample]], list[Sample]]
) -> None:
    stored_frames(ink(2), INK, tmp_path)
    stored_frames(ink(2), replace(AUGMENTED, seed=9), tmp_path)
    stored_frames(change(ink(2)), recipe, tmp_path)
    assert len(sets(tmp_path)) == 3


def test_files_count_by_their_bytes_and_region(tmp_path: Path) -> None:
    store = tmp_path / "store"
    samples = sounds(tmp_path, 0.3)
    first = stored_frames(samples, SOUND, store)
    moved = tmp_path / "elsewhere.wav"
    samples[0].path.rename(moved)  # type: ignore[union-attr]
    assert_same(first, stored_frames([Sample("a", path=moved)], SOUND, store))
    assert len(sets(store)) == 1
    part = stored_frames([Sample("a", path=moved, start=0.1)], SOUND, store)
    assert part.n_frames[0] < first.n_frames[0]
    content = bytearray(moved.read_bytes())
    content[-1] ^= 1
    moved.write_bytes(content)
    os.utime(moved, ns=(1, 1))
    stored_frames([Sample("a", path=moved)], SOUND, store)
    assert len(sets(store)) == 3


def test_own_code_counts(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN.format(frames="np.ones((3, 2), np.float32)"))
    recipe = Recipe({"kind": str(own)})
    assert stored_frames(ink(1), recipe, tmp_path / "store")[0].tolist() == [[1, 1]] * 3
    own.write_text(OWN.format(frames="np.zeros((3, 2), np.float32)"))
    stored_frames(ink(1), INK, tmp_path / "store")  # another extractor in between, as in a new process
    assert stored_frames(ink(1), recipe, tmp_path / "store")[0].tolist() == [[0, 0]] * 3


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ("np.ones((3, 5), np.float32)", "frames of shape (3, 5); expected (T, 2)"),
        ("np.ones(4, np.float32)", "frames of shape (4,)"),
        ("np.ones((0, 2), np.float32)", "frames of shape (0, 2)"),
        ("np.full((3, 2), np.nan, np.float32)", "NaN or infinity"),
    ],
)
def test_frames_that_cannot_be_used_are_failures(tmp_path: Path, frames: str, said: str) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN.format(frames=frames))
    stored = stored_frames(ink(1), Recipe({"kind": str(own)}), tmp_path / "store")
    assert said in stored.failures[0]
    assert stored.n_frames.tolist() == [0]


def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    samples = ink(150)
    with Workers(2) as workers:
        for name, recipe in {"plain": INK, "augmented": AUGMENTED}.items():
            serial = stored_frames(samples, recipe, tmp_path / "serial")
            assert_same(serial, stored_frames(samples, recipe, tmp_path / "parallel", workers=workers))
            assert not np.array_equal(serial[0], serial[1]), name
    assert sets(tmp_path / "serial") == sets(tmp_path / "parallel")


def test_ramps_and_files_of_noise_count(tmp_path: Path) -> None:
    """Another share of the training, or another recording in the folder, is another set; a plain set knows neither."""

    def sets(recipe: Recipe) -> int:
        stored_frames(samples, recipe, tmp_path / "store")
        return len(list((tmp_path / "store").iterdir()))

    (tmp_path / "noise").mkdir()
    for name in ("noise/hum.wav", "a.wav"):
        soundfile.write(tmp_path / name, np.sin(np.arange(8000) / 9), 8000)
    samples = [Sample("a", "x", path=tmp_path / "a.wav")]
    changes = {"noise_db": {"range": [0, 5], "p": 1}, "noise_folder": str(tmp_path / "noise")}
    plain = Recipe({"kind": "mfcc", "rate": 8000})
    noisy = replace(plain, signal=changes, copy=1, seed=7)
    assert [sets(plain), sets(replace(plain, at=0.5)), sets(noisy), sets(noisy), sets(replace(noisy, at=0.5))] == [
        1, 1, 2, 2, 3,
    ]  # fmt: skip
    soundfile.write(tmp_path / "noise" / "other.wav", np.cos(np.arange(8000) / 9), 8000)
    sound._recordings.cache_clear()  # as another process would find the folder
    assert sets(noisy) == 4


def test_a_broken_file_of_noise_is_named_with_every_sample_that_wanted_it(tmp_path: Path) -> None:
    (tmp_path / "noise").mkdir()
    for name in ("noise/hum.flac", "a.wav"):
        soundfile.write(tmp_path / name, np.random.default_rng(0).standard_normal(80_000) / 9, 8000)
    whole = (tmp_path / "noise" / "hum.flac").read_bytes()
    (tmp_path / "noise" / "hum.flac").write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    changes = {"noise_db": {"range": [0, 5], "p": 1}, "noise_folder": str(tmp_path / "noise")}
    recipe = Recipe({"kind": "mfcc", "rate": 8000}, changes, 1, 7)
    samples = [Sample("a", "x", path=tmp_path / "a.wav")]
    frames = stored_frames(samples, recipe, tmp_path / "store")
    assert "hum.flac" in frames.failures[0]


def test_augmentation_depends_on_the_sample_alone(tmp_path: Path) -> None:
    samples = ink(3)
    whole = stored_frames(samples, AUGMENTED, tmp_path)
    alone = stored_frames(samples[2:], AUGMENTED, tmp_path)
    np.testing.assert_allclose(whole[2], alone[0], atol=1e-6)
    other = stored_frames(samples[2:], replace(AUGMENTED, copy=2), tmp_path)
    assert not np.array_equal(alone[0], other[0])


def test_failures_are_kept_and_the_others_done(tmp_path: Path) -> None:
    good, bad = sounds(tmp_path, 0.3, 0.3)
    bad.path.write_bytes(b"RIFF")  # type: ignore[union-attr]
    samples = [bad, good, Sample("gone", path=tmp_path / "gone.wav"), ink(1)[0]]
    for _ in range(2):  # computed, then found
        stored = stored_frames(samples, SOUND, tmp_path / "store")
        assert stored.failures.keys() == {0, 2, 3}
        assert "1.wav" in stored.failures[0]
        assert "gone.wav" in stored.failures[2]
        assert stored.n_frames[[0, 2, 3]].tolist() == [0, 0, 0]
        np.testing.assert_array_equal(stored[1], extractor(SOUND.features)(good))
    elsewhere = stored_frames([*samples[:2], Sample("gone", path=tmp_path / "lost.wav")], SOUND, tmp_path / "store")
    assert "lost.wav" in elsewhere.failures[2]


def test_a_file_that_appears_is_read(tmp_path: Path) -> None:
    missing = Sample("a", path=tmp_path / "0.wav")
    assert stored_frames([missing], SOUND, tmp_path / "store").failures
    sounds(tmp_path, 0.3)
    assert not stored_frames([missing], SOUND, tmp_path / "store").failures


@pytest.mark.parametrize("samples", [[], [Sample("a", path=Path("nowhere.wav"))]])
def test_no_frames_at_all(tmp_path: Path, samples: list[Sample]) -> None:
    stored = stored_frames(samples, SOUND, tmp_path)
    assert len(stored) == len(samples)
    assert all(stored[i].shape == (0, 4) for i in range(len(samples)))


class Stopped(Exception):
    pass


def stopped_after(count: int, samples: list[Sample], folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done >= count:
            raise Stopped

    with pytest.raises(Stopped):
        stored_frames(samples, SOUND, folder, progress=stop)


def test_what_is_interrupted_goes_on(tmp_path: Path) -> None:
    samples = sounds(tmp_path, *[0.2] * 9)
    samples[1].path.write_bytes(b"RIFF")  # type: ignore[union-attr]
    whole = stored_frames(samples, SOUND, tmp_path / "whole")
    store = tmp_path / "store"
    stopped_after(3, samples, store)
    (part,) = sets(store)
    assert part == f".{sets(tmp_path / 'whole')[0]}"
    assert sets(store / part) == ["about.json", "frames.f32", "index.npy"]
    for name in ("0.wav", "2.wav"):  # what was computed is not read again
        state = (tmp_path / name).stat()
        (tmp_path / name).write_bytes(bytes(state.st_size))
        os.utime(tmp_path / name, ns=(state.st_atime_ns, state.st_mtime_ns))
    counted: list[tuple[int, int]] = []
    assert_same(stored_frames(samples, SOUND, store, progress=lambda *at: counted.append(at)), whole)
    assert counted[0] == (4, 9)
    assert counted[-1] == (9, 9)
    assert sets(store) == [part[1:]]


@pytest.mark.parametrize("name", ["index.npy", "about.json", "frames.f32"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 something else"])
def test_a_part_that_is_broken_is_computed_again(tmp_path: Path, name: str, content: bytes) -> None:
    samples = sounds(tmp_path, *[0.2] * 4)
    stopped_after(3, samples, tmp_path / "store")
    (part,) = sets(tmp_path / "store")
    (tmp_path / "store" / part / name).write_bytes(content)
    assert_same(stored_frames(samples, SOUND, tmp_path / "store"), stored_frames(samples, SOUND, tmp_path / "whole"))


def test_frames_beyond_the_index_do_not_count(tmp_path: Path) -> None:
    """A process that was killed has written more than it could note."""
    samples = sounds(tmp_path, *[0.2] * 4)
    stopped_after(3, samples, tmp_path / "store")
    (part,) = sets(tmp_path / "store")
    with open(tmp_path / "store" / part / "frames.f32", "ab") as out:
        out.write(b"123456789")
    (tmp_path / "store" / part / "about.json").write_text('{"dim": 4, "failures": {"3": "is broken"}}')
    assert_same(stored_frames(samples, SOUND, tmp_path / "store"), stored_frames(samples, SOUND, tmp_path / "whole"))


def test_leavings_go_with_the_next_set(tmp_path: Path) -> None:
    store = tmp_path / "store"
    samples = sounds(tmp_path, *[0.2] * 4)
    stopped_after(3, samples, store)
    (part,) = sets(store)
    kept = [store / ".ssh", store / ".cache", store / "0123456789abcdef01234567"]
    for path in kept:
        path.mkdir()
    with locked(store / f"{part}.lock"):  # another process is at it
        stored_frames(samples[:1], SOUND, store)
        assert len(sets(store)) == 6
    stored_frames(samples[:2], SOUND, store)
    assert all(path.is_dir() for path in kept)
    assert len(sets(store)) == 5


def test_a_set_of_which_a_part_was_deleted(tmp_path: Path) -> None:
    stored_frames(ink(2), INK, tmp_path / "other")
    (name,) = sets(tmp_path / "other")
    (tmp_path / name).mkdir()
    (tmp_path / name / "frames.f32").write_bytes(b"half")
    assert_same(stored_frames(ink(2), INK, tmp_path), stored_frames(ink(2), INK, tmp_path / "other"))


def test_one_computes_and_the_others_wait(tmp_path: Path) -> None:
    counted: list[tuple[int, int]] = []

    def compute() -> None:
        stored_frames(ink(9), INK, tmp_path, progress=lambda *at: counted.append(at))

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done for done, _ in counted] == sorted({done for done, _ in counted})
    assert len(sets(tmp_path)) == 1


def test_a_manifest_that_changes_meanwhile(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", ink(40))
    manifest = Manifest(tmp_path / "m.jsonl")
    with Workers(2) as workers:
        serial = stored_frames(list(manifest), INK, tmp_path / "serial")
        assert_same(serial, stored_frames(manifest, INK, tmp_path / "store", workers=workers))
        write_manifest(tmp_path / "m.jsonl", ink(41))
        with pytest.raises(DataError, match=r"m\.jsonl: has changed since it was opened"):
            stored_frames(manifest, AUGMENTED, tmp_path / "store", signals=b"known", workers=workers)


@pytest.mark.parametrize("name", ["index.npy", "about.json", "frames.f32"])
def test_a_broken_set_is_named(tmp_path: Path, name: str) -> None:
    stored_frames(ink(2), INK, tmp_path)
    (place,) = tmp_path.iterdir()
    (place / name).write_bytes(b"{}"[: 2 if name == "about.json" else 1])
    with pytest.raises(DataError, match="Delete that folder") as caught:
        stored_frames(ink(2), INK, tmp_path)
    assert str(place) in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be stored"):
        stored_frames(ink(1), INK, tmp_path / "file" / "frames")


def test_bad_options_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'spacing'"):
        stored_frames(ink(1), Recipe({"kind": "strokes", "spacin": 1}), tmp_path)
    with pytest.raises(ConfigError, match=r"\[augment.signal\]"):
        stored_frames(ink(1), replace(AUGMENTED, signal={"slnt": 1}), tmp_path)
    assert sets(tmp_path) == []


SLOW = """
import os, sys, time
from pathlib import Path
import numpy as np
from seqrec.samples import Sample
from seqrec.extraction import Recipe, Workers
from seqrec.store import stored_frames

if __name__ == "__main__":
    samples = [Sample(f"s{i}", strokes=(np.full((1, 2), float(i)),)) for i in range(96)]
    with Workers(2) as workers:
        try:
            stored = stored_frames(samples, Recipe({"kind": sys.argv[1]}), Path("store"), workers=workers)
        except KeyboardInterrupt:
            sys.exit(42)
    assert [stored[i].tolist() for i in range(96)] == [[[i, i]] for i in range(96)]
"""
SLOWLY = "(open('made', 'a').write(f'{{__import__(\"os\").getpid()}} {{signal[0][0, 0]:.0f}}\\n'), "
SLOWLY += "__import__('time').sleep({seconds}), signal[0].astype(np.float32))[2]"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent_and_their_work_stays(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, which all processes of a terminal get, and a parent that was killed."""
    (tmp_path / "main.py").write_text(SLOW)
    (tmp_path / "own.py").write_text(OWN.format(frames=SLOWLY.format(seconds=0.08)))
    running = subprocess.Popen(
        [sys.executable, "main.py", "own.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: len(set(made(tmp_path))) == 2 and list(tmp_path.glob("store/.*/index.npy")))
    workers = set(made(tmp_path))
    assert running.pid not in workers
    if number == signal.SIGINT:
        for pid in workers:
            os.kill(pid, number)
        time.sleep(1)
        assert running.poll() is None, "Ctrl-C is for the first process alone"
        os.killpg(running.pid, number)
    else:
        running.kill()
    _, said = running.communicate(timeout=120)
    assert "Traceback" not in said
    assert running.returncode == (42 if number == signal.SIGINT else -signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in workers))
    (index,) = tmp_path.glob("store/.*/index.npy")
    kept = len(np.load(index)) - 1
    assert 0 < kept < 96
    before = len(made(tmp_path))
    if number == signal.SIGINT:
        assert said == ""
        assert before - kept <= 24, "what the workers were at"
    subprocess.run([sys.executable, "main.py", "own.py"], cwd=tmp_path, check=True, timeout=120)
    assert len(made(tmp_path)) - before == 96 - kept
    assert [name[0] != "." for name in sets(tmp_path / "store")] == [True]


def made(folder: Path) -> list[int]:
    """The process of each sample for which frames were made."""
    try:
        return [int(line.split()[0]) for line in (folder / "made").read_text().splitlines()]
    except FileNotFoundError:
        return []


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within two minutes")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").is_dir()
    return state != "Z"


def test_no_pickle_is_stored(tmp_path: Path) -> None:
    stored_frames(ink(2), INK, tmp_path)
    (place,) = tmp_path.iterdir()
    assert sets(place) == ["about.json", "frames.f32", "index.npy"]
    assert json.loads((place / "about.json").read_text()) == {"dim": 13, "failures": {}}
    assert (place / "frames.f32").stat().st_size == 4 * 13 * Frames(place).n_frames.sum()
