"""From samples to batches: labels, versions, normalisation, what is left out, an order that can be taken up again."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqrec.alphabet import Alphabet
from seqrec.batching import FILLER
from seqrec.config import Config
from seqrec.errors import ConfigError, DataError
from seqrec.extraction import Recipe, Signals
from seqrec.modelfolder import Normalizer
from seqrec.samples import Manifest, Sample, write_manifest
from seqrec.store import stored_frames
from seqrec.synth.handwriting import make_writer, write
from seqrec.training.data import DataSet, Feeder, load_data, normalizer_of

WORDS = ("lo", "oil", "tool", "tilt", "lot", "toll", "ill", "it", "l", "ooo", "tt")
DOT = (np.zeros((1, 2)),)


def config(**tables: dict[str, Any]) -> Config:
    plain: dict[str, dict[str, Any]] = {
        "features": {"kind": "strokes"},
        "augment": {"copies": 2, "signal": {"slant": 0.2}, "frames": {"noise": 0.1}},
        "training": {"batch_frames": 150, "buckets": 2},
    }
    return Config.parse(plain | tables, "test")


def ink(words: tuple[str, ...] = WORDS) -> list[Sample]:
    rng = np.random.default_rng(0)
    writer = make_writer(rng)
    return [Sample(f"{word}-{i}", word, strokes=write(word, writer, rng)) for i, word in enumerate(words)]


def load(folder: Path, samples: Sequence[Sample], training: bool = True, **tables: dict[str, Any]) -> DataSet:
    alphabet = Alphabet.of(WORDS)
    return load_data(
        samples, config(**tables), alphabet, folder, what="train", training=training, progress=lambda *said: None
    )


def feeder(data: DataSet, **tables: dict[str, Any]) -> Feeder:
    return Feeder.of(data, config(**tables), normalizer_of(data))


def test_labels_and_versions(tmp_path: Path) -> None:
    data = load(tmp_path, ink())
    assert len(data) == len(WORDS)
    assert Alphabet.of(WORDS).symbols == ("i", "l", "o", "t")
    assert [data.labels[i].tolist() for i in range(3)] == [[2, 3], [3, 1, 2], [4, 3, 3, 2]]
    assert [(data.id(i), data.text(i)) for i in range(len(data))] == [(s.id, s.text) for s in ink()]
    assert data.n_frames.shape == (3, len(WORDS))
    first = [data.frames(0, version) for version in range(3)]
    assert not np.array_equal(first[0], first[1][: len(first[0])])
    assert not np.array_equal(first[1], first[2][: len(first[1])])


def test_what_is_measured_has_one_version_and_keeps_what_does_not_fit(tmp_path: Path) -> None:
    odd = [Sample("long", "lo" * 90, strokes=DOT), Sample("foreign", "ŵ", strokes=DOT)]
    dev = load(tmp_path, [*ink(), *odd], training=False)
    assert len(dev.versions) == 1
    assert (len(dev), dev.rejected) == (len(WORDS) + 2, ())
    assert len(dev.labels) == len(dev)
    train = load(tmp_path, [*ink(), *odd])
    assert len(train) == len(WORDS)
    reasons = {rejected.id: rejected.reason for rejected in train.rejected}
    assert "1 frames after subsampling for 180 labels; expected 180 or more" in reasons["long"]
    assert "'ŵ' (U+0175) not in the alphabet" in reasons["foreign"]


def test_those_after_a_rejected_sample_keep_their_own_frames(tmp_path: Path) -> None:
    good = ink(("lo", "tilt"))
    mixed = [Sample("gone", "lo", path=tmp_path / "gone"), good[0], Sample("mute", strokes=DOT), good[1]]
    data, alone = load(tmp_path, mixed), load(tmp_path, good)
    assert [data.id(i) for i in range(2)] == [sample.id for sample in good]
    assert [rejected.id for rejected in data.rejected] == ["gone", "mute"]
    for i in range(2):
        np.testing.assert_array_equal(data.frames(i), alone.frames(i))
        assert data.labels[i].tolist() == alone.labels[i].tolist()
        assert data.n_frames[0, i] == len(alone.frames(i))


def test_repeats_and_subsampling_count(tmp_path: Path) -> None:
    frames = len(load(tmp_path, ink(("tt",))).frames(0))
    for factor, fits in ((frames // 3, True), (frames // 2, False)):
        network = {"stack": factor}
        if fits:
            assert len(load(tmp_path, ink(("tt",)), augment={}, network=network)) == 1
        else:
            with pytest.raises(DataError, match="for 2 labels; expected 3 or more"):
                load(tmp_path, ink(("tt",)), augment={}, network=network)


@pytest.mark.parametrize(
    ("samples", "said"),
    [([], "none of 0 samples can be used"), ([Sample("a", strokes=DOT)], "can be used. The first one: a: has no text")],
)
def test_nothing_to_train_on(tmp_path: Path, samples: list[Sample], said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(tmp_path, samples)


def test_the_normalizer_is_that_of_the_plain_frames(tmp_path: Path) -> None:
    data = load(tmp_path, ink())
    normalizer = normalizer_of(data)
    plain = np.concatenate([data.frames(i) for i in range(len(data))]).astype(np.float64)
    np.testing.assert_allclose(normalizer.mean, plain.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(normalizer.std, plain.std(axis=0), rtol=1e-4)
    assert (normalizer.std > 0).all()
    assert normalizer.mean.dtype == normalizer.std.dtype == np.float32
    flat = load(tmp_path, [Sample("a", "l", strokes=DOT)], augment={})
    assert (normalizer_of(flat).std == 1).all()


def test_the_normalizer_leaves_out_what_is_not_trained_on(tmp_path: Path) -> None:
    mute = [sample.with_text(None) for sample in ink(("tool", "lot", "it"))]
    mixed = [mute[0], *ink(), mute[1], Sample("gone", "l", path=tmp_path / "gone"), mute[2]]
    all_of_it, alone = load(tmp_path, mixed), load(tmp_path, ink())
    for most in (1, 500, 1 << 22):  # numbers in a block
        found = normalizer_of(all_of_it, most)
        np.testing.assert_allclose(found.mean, normalizer_of(alone).mean, atol=1e-6)
        np.testing.assert_allclose(found.std, normalizer_of(alone).std, rtol=1e-6)


def test_a_manifest_gives_what_its_samples_give(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [*ink(), Sample("mute", strokes=DOT)])
    manifest = Manifest(tmp_path / "m.jsonl")
    fed, again = (feeder(load(tmp_path, samples)) for samples in (manifest, list(manifest)))
    (tmp_path / "m.jsonl").unlink()  # not needed any more
    for a, b in zip(fed.batches(epoch=2), again.batches(epoch=2), strict=True):
        for one, other in zip(vars(a).values(), vars(b).values(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert [(rejected.id, fed.data.signals) for rejected in fed.data.rejected] == [("mute", again.data.signals)]


def test_samples_cost_little_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    many = [Sample(f"sample-{i}", "lot", strokes=tuple(rng.integers(0, 99, (2, 12, 2)) * 1.0)) for i in range(3000)]
    write_manifest(tmp_path / "m.jsonl", many)

    def traced(count: int) -> np.ndarray:
        """Bytes that are left, and that were needed."""
        stored_frames(many[:count], Recipe({"kind": "strokes"}), tmp_path)
        tracemalloc.start()
        data = load(tmp_path, Manifest(tmp_path / "m.jsonl")[:count], augment={})
        normalizer_of(data, 1000)
        used = np.array(tracemalloc.get_traced_memory())
        tracemalloc.stop()
        assert len(data) == count
        return used

    traced(100)  # what is loaded and made at the first time
    left, needed = (traced(3000) - traced(1000)) / 2000
    assert left < 110  # places of the line and of the frames, labels, text, id
    assert needed < 200  # ink alone has 400


def test_the_alphabet_is_that_of_the_texts_unless_one_is_given(tmp_path: Path) -> None:
    samples = [*ink(("lo", "it")), *(sample.with_text("é") for sample in ink(("oil",)))]

    def symbols(given: Alphabet | None, texts: Sequence[Sample] = samples) -> tuple[str, ...]:
        return load_data(
            texts, config(text={"form": "NFD"}), given, tmp_path, what="train", training=True, progress=print
        ).alphabet.symbols

    assert symbols(None) == ("e\u0301", "i", "l", "o", "t")
    assert symbols(Alphabet.of(WORDS)) == ("i", "l", "o", "t")
    with pytest.raises(DataError, match="train: all texts are empty"):
        symbols(None, [sample.with_text("") for sample in samples])


def test_every_sample_meets_every_version(tmp_path: Path) -> None:
    samples = ink()
    for copies in (1, 2, 6):
        fed = feeder(load(tmp_path, samples, augment={"copies": copies}), augment={"copies": copies})
        met = np.stack([fed._versions(epoch) for epoch in range(copies + 1)])
        assert (np.sort(met, axis=0) == np.arange(copies + 1)[:, None]).all()
        assert len(set(met[0])) == copies + 1, "within an epoch, too"


def test_batches_hold_normalised_augmented_frames(tmp_path: Path) -> None:
    data = load(tmp_path, ink())
    fed = feeder(data, augment={"copies": 2})
    seen = []
    for batch in fed.batches(epoch=1):
        for row, i in enumerate(batch.index):
            if i == FILLER:
                continue
            seen.append(int(i))
            own = fed.normalizer(data.frames(i, (i + 1) % 3))
            assert data.n_frames[(i + 1) % 3, i] == len(own)
            assert batch.n_frames[row] == len(own)
            np.testing.assert_array_equal(batch.frames[row, : len(own)], own)
            assert not batch.frames[row, len(own) :].any()
            assert batch.labels[row, : batch.n_labels[row]].tolist() == data.labels[i].tolist()
    assert sorted(seen) == list(range(len(data)))


def test_an_epoch_can_be_taken_up_anywhere(tmp_path: Path) -> None:
    fed = feeder(load(tmp_path, ink()))
    whole = list(fed.batches(epoch=3))
    assert len(whole) >= 3
    for first in range(len(whole) + 1):
        rest = list(fed.batches(epoch=3, first=first))
        assert len(rest) == len(whole) - first
        for a, b in zip(whole[first:], rest, strict=True):
            np.testing.assert_array_equal(a.frames, b.frames)
            np.testing.assert_array_equal(a.index, b.index)
    other = list(fed.batches(epoch=4))
    assert any(not np.array_equal(a.index, b.index) for a, b in zip(whole, other, strict=False))


def test_an_epoch_that_is_left_early_ends(tmp_path: Path) -> None:
    fed = feeder(load(tmp_path, ink()))
    batches = fed.batches(epoch=0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert len(list(fed.batches(epoch=0))) == len(fed.plan(0))


def test_the_padding_is_that_of_the_batches(tmp_path: Path) -> None:
    fed = feeder(load(tmp_path, ink()))
    for epoch in range(2):
        batches = list(fed.batches(epoch))
        padded = sum(batch.frames[:, :, 0].size for batch in batches)
        real = sum(int(batch.n_frames[batch.index != FILLER].sum()) for batch in batches)
        assert fed.padding(epoch) == pytest.approx(1 - real / padded)
        assert padded == fed.buckets.frames(fed.plan(epoch))


def test_shapes_are_those_of_the_buckets(tmp_path: Path) -> None:
    network = {"stack": 2, "subsample": [2]}
    data = load(tmp_path, ink(), network=network)
    fed = Feeder.of(data, config(network=network), Normalizer(np.zeros(13, np.float32), np.ones(13, np.float32)))
    shapes = {batch.frames.shape for batch in fed.batches(0)}
    assert len(shapes) <= 2
    assert all(time % 4 == 0 for _, time, _ in shapes)


def test_ramps_bring_in_one_copy_after_the_other(tmp_path: Path) -> None:
    """Copies are made as before the ramp, half-way and after it; no sample meets one that is ahead of the training."""
    signal = {"slant": 0.1, "jitter": {"most": 0.2, "ramp": [0.2, 0.6]}}
    augment = {"copies": 3, "signal": signal, "frames": {"noise": {"most": 0.5, "ramp": [0, 1]}}}
    data = load(tmp_path, ink(("tt", "lt", "tl", "ll")), augment=augment)
    for copy, done in ((1, 0.2), (2, 0.4), (3, 0.6)):
        signals = Signals(Recipe({"kind": "strokes"}, signal, copy, 1, done))
        made = signals.extractor.frames(signals(ink(("tt",))[0]))
        np.testing.assert_allclose(data.frames(0, copy), made, atol=1e-4)
    fed = feeder(data, augment=augment, training={"epochs": 10, "batch_frames": 150})
    assert [len(set(fed._versions(epoch).tolist())) for epoch in range(10)] == [2, 2, 2, 3, 3, 4, 4, 4, 4, 4]
    noise = []
    for epoch in (0, 9):
        batch, *_ = fed.batches(epoch)
        i = int(batch.index[0])
        own = fed.normalizer(data.frames(i, int(fed._versions(epoch)[i])))
        noise.append(float(np.std(batch.frames[0, : len(own)] - own)))
    assert noise == pytest.approx([0.0, 0.45], rel=0.1)


def test_a_ramp_over_signals_needs_two_copies(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"augment.signal: .*; expected copies = 2 or more for a ramp"):
        config(augment={"copies": 1, "signal": {"slant": {"most": 0.1, "ramp": [0, 1]}}})
