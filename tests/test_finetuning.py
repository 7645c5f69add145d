"""Fine-tuning: weights follow their symbols, what is frozen stays, what it began with is never lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from seqrec import finetuning
from seqrec.alphabet import Alphabet
from seqrec.batching import Batch
from seqrec.checking import Finding
from seqrec.config import Config, Network, Training
from seqrec.errors import ConfigError, DataError, SeqrecError
from seqrec.modelfolder import ModelFolder
from seqrec.network.encoder import Encoder, set_weights, weights_of
from seqrec.network.onnx_graph import weights_from_onnx
from seqrec.samples import Sample, write_manifest
from seqrec.surgery import BIAS, KERNEL, carry, look_alike, new_alphabet
from seqrec.training.loop import EpochDone, Notice
from seqrec.training.step import Trainer
from seqrec.training.train import Trained, train
from seqrec.tuning import errors_of
from tests.models import image_model, sound_model
from tests.test_training import WORDS, StopAfter, config, ink, same
from tests.tiny import seqrec

OTHERS = ("toil", "lit", "tot", "pill", "lip", "pot", "plot", "tip", "oil", "top")  # p is new


# Surgery


def columns(*values: float) -> dict[str, np.ndarray]:
    """An output of two rows whose columns hold `values`, and ten times as much; the bias a hundred times."""
    row = np.array(values, np.float32)
    return {KERNEL: np.stack([row, 10 * row]), BIAS: 100 * row, "layer0/kernel": np.ones((3, 2), np.float32)}


def test_weights_follow_their_symbols() -> None:
    weights, carried = carry(columns(1, 2, 3, 7), Alphabet(("a", "e", "z")), Alphabet(("a", "z", "é", "日")))
    np.testing.assert_array_equal(weights[KERNEL][0], [1, 2, 7, 3, 4])  # blank, a, z, é as e, the mean of 2, 3 and 7
    np.testing.assert_array_equal(weights[KERNEL][1], [10, 20, 70, 30, 40])
    np.testing.assert_array_equal(weights[BIAS], [100, 200, 700, 297, 400])  # é begins as rarer than e
    np.testing.assert_array_equal(weights["layer0/kernel"], np.ones((3, 2)))
    assert carried.kept == ("a", "z")
    assert carried.added == {"é": "e", "日": None}
    assert carried.dropped == ("e",)


@given(st.sets(st.characters(codec="utf-8"), min_size=1, max_size=8), st.text(max_size=8))
def test_an_alphabet_of_all_keeps_every_column(symbols: set[str], text: str) -> None:
    old = Alphabet.of(symbols)
    union = new_alphabet(old, [text], "union")
    values = [float(i) for i in range(old.size)]
    weights, carried = carry(columns(*values), old, union)
    assert not carried.dropped
    assert weights[KERNEL].shape == (2, union.size)
    assert weights[KERNEL][0, 0] == 0
    for label, symbol in enumerate(old.symbols, 1):
        assert weights[KERNEL][0, 1 + union.symbols.index(symbol)] == label
    for label, symbol in enumerate(union.symbols, 1):
        begins = carried.added.get(symbol)
        if begins is not None:
            assert weights[KERNEL][0, label] == 1 + old.symbols.index(begins)


@pytest.mark.parametrize(
    ("symbol", "known", "found"),
    [
        ("é", "aeE", "e"), ("É", "aeE", "E"), ("É", "ae", "e"), ("ø", "o", "o"), ("ł", "lt", "l"), ("K", "k", "k"),
        ("а", "ab", "a"), ("o", "\u043e", "\u043e"), ("ﬁ", "fi", "f"), ("²", "12", "2"), ("’", "a'", "'"),
        ("—", "-", "-"), ("é", "é", None), ("日", "abc", None), ("ж", "abc", None), ("a", "", None),
        ("µ", "u", "u"), ("μ", "u", "u"),
    ],
)  # fmt: skip
def test_what_a_new_symbol_looks_like(symbol: str, known: str, found: str | None) -> None:
    assert look_alike(symbol, dict.fromkeys(known)) == found


# Options


def test_how_fast_each_stage_learns() -> None:
    network = Network.parse({"layers": 2, "layer_norm": True, "conv": [{"filters": 2}, {"filters": 2}]}, "test")
    names = [
        "conv0/kernel",
        "conv1/bias",
        "layer0/forward_lstm/lstm_cell/kernel",
        "norm0/gamma",
        "layer1/x",
        "norm1/beta",
    ]
    names.append("output/bias")
    found = finetuning.rates(names, network, 0, 0.5)
    assert list(found.values()) == [0.125, 0.125, 0.25, 0.25, 0.5, 0.5, 1]
    assert list(finetuning.rates(names, network, 1, 1.0).values()) == [0, 0, 1, 1, 1, 1, 1]
    assert list(finetuning.rates(names, network, 3, 0.5).values()) == [0, 0, 0, 0, 0, 0, 1]
    with pytest.raises(ConfigError, match="at most 3: the output must learn"):
        finetuning.rates(names, network, 4, 1.0)


def test_tiny_data_are_shown_often_and_many_seldom() -> None:
    epochs = [finetuning.training_options(n, 1)["epochs"] for n in (20, 500, 50_000)]
    assert epochs == sorted(epochs, reverse=True)
    assert finetuning.batch_frames(np.full(16, 50)) == 400
    assert finetuning.batch_frames(np.array([10, 9000])) == 9000  # the longest sample must fit
    assert finetuning.batch_frames(np.full(100_000, 50)) == 6000


@pytest.mark.parametrize("key", ["features.kind", "network.units", "text.form", "finetune.freeze", "network"])
def test_what_is_the_bases_cannot_be_set(key: str, base: Path) -> None:
    folder = ModelFolder(base)
    options = finetuning.options_of(folder, "union", 0, 1.0)
    with pytest.raises(ConfigError, match="is the base model's and stays"):
        finetuning.tune_config(folder, options, 20, (f"{key}=1",))
    made = finetuning.tune_config(folder, options, 20, ("network.dropout=0.5", "training.epochs=3"))
    assert (made.network.dropout, made.training.epochs, made.network.units) == (0.5, 3, 24)


# Updates


def update(rates: dict[str, float], begin: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How far each weight goes in one update."""
    network = Encoder(Network(layers=2, units=4, dropout=0.0), 3, 5)
    set_weights(network, begin)
    trainer = Trainer(network, Training(clip=1e9), tf.distribute.get_strategy(), rates)
    frames = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    labels = np.array([[1, 2], [3, 4]], np.int32)
    trainer.update([Batch(frames, np.array([8, 8], np.int32), labels, np.array([2, 2], np.int32), np.arange(2))], 0.01)
    return {name: value - begin[name] for name, value in weights_of(network).items()}


def test_rates_scale_the_updates_and_zero_is_none() -> None:
    begin = weights_of(Encoder(Network(layers=2, units=4, dropout=0.0), 3, 5, 7))
    rates = finetuning.rates(begin, Network(layers=2), 1, 0.25)
    plain, scaled = update({}, begin), update(rates, begin)
    for name in begin:
        if name.startswith("layer0"):
            assert np.abs(plain[name]).max() > 0
            assert not scaled[name].any()
        else:
            factor = 0.25 if name.startswith("layer1") else 1.0
            np.testing.assert_allclose(scaled[name], factor * plain[name], atol=1e-6)


# Training


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    exp = tmp_path_factory.mktemp("models") / "base"
    train(config(training={"epochs": 60, "patience": 60}), ink(2 * WORDS), ink(), exp)
    return exp


def finetune(
    base: Path, exp: Path, samples: Sequence[Sample], *, freeze: int = 0, layer_rate: float = 1.0, resume: bool = False,
    on_event: object = None, sets: tuple[str, ...] = (),
) -> Trained:  # fmt: skip
    folder = ModelFolder(base)
    material = finetuning.Material(exp / "data")
    if not resume:
        material.write({"train": samples, "dev": samples})
    start, _ = finetuning.start_of(folder, material, "union")
    options = finetuning.options_of(folder, "union", freeze, layer_rate)
    made: Config = finetuning.tune_config(folder, options, len(samples), sets)
    report = on_event if callable(on_event) else (lambda event: None)
    return train(made, material.train, material.dev, exp, resume=resume, start=start, report=report)


def test_it_learns_a_new_character_by_heart(base: Path, tmp_path: Path) -> None:
    samples = ink(OTHERS, seed=5)
    before = errors_of(ModelFolder(base), samples).cer
    result = finetune(base, tmp_path / "new", samples, sets=("training.learning_rate=0.01",))
    folder = ModelFolder(tmp_path / "new")
    assert before > 0.2
    assert result.best_cer == errors_of(folder, samples).cer == 0
    assert set(folder.alphabet.symbols) == {*ModelFolder(base).alphabet.symbols, "p"}
    np.testing.assert_array_equal(folder.normalizer.mean, ModelFolder(base).normalizer.mean)
    assert f"from {base.parent.name}/base ({folder.config.finetune.digest[:12]})" in folder.card  # type: ignore[union-attr]


def test_frozen_layers_stay_bit_for_bit(base: Path, tmp_path: Path) -> None:
    finetune(base, tmp_path / "new", ink(OTHERS, seed=5), freeze=1, sets=("training.epochs=2", "training.warmup=0"))
    before, now = (weights_from_onnx(ModelFolder(f).onnx_bytes(), "") for f in (base, tmp_path / "new"))
    for name in before:
        if name.startswith("layer0"):
            np.testing.assert_array_equal(before[name], now[name])
    assert before["output/kernel"].shape != now["output/kernel"].shape


def test_it_is_never_worse_than_it_began(base: Path, tmp_path: Path) -> None:
    samples = ink(WORDS)
    rows = []
    result = finetune(
        base, tmp_path / "new", samples,
        on_event=lambda e: rows.append(e.row) if isinstance(e, EpochDone) else None,
        sets=("training.epochs=2", "training.learning_rate=3", "training.warmup=0"),
    )  # fmt: skip
    assert min(row["dev_cer"] for row in rows) > 0.5
    before, now = (weights_from_onnx(ModelFolder(f).onnx_bytes(), "") for f in (base, tmp_path / "new"))
    assert all(np.array_equal(before[name], now[name]) for name in before)
    assert result.best_cer == errors_of(ModelFolder(base), samples).cer
    assert ModelFolder(tmp_path / "new").training_rows[0]["epoch"] == 0


def test_resume_ends_with_the_weights_of_an_uninterrupted_one(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = ("training.epochs=3", "training.batch_frames=200")
    samples = ink(OTHERS, seed=5)
    finetune(base, tmp_path / "whole", samples, layer_rate=0.5, sets=sets)
    stop = StopAfter(4, monkeypatch)
    assert not finetune(base, tmp_path / "parts", samples, layer_rate=0.5, sets=sets, on_event=stop).finished
    assert ModelFolder(tmp_path / "parts").has("model.onnx")
    assert finetune(base, tmp_path / "parts", samples, layer_rate=0.5, sets=sets, resume=True).finished
    assert same(tmp_path / "whole", tmp_path / "parts")
    made = ModelFolder(tmp_path / "parts")
    assert [row["epoch"] for row in made.training_rows] == [0, 1, 2, 3]
    least = min(row["dev_cer"] for row in made.training_rows)
    kept = max(row["epoch"] for row in made.training_rows if row["dev_cer"] == least)
    assert f"(epoch {kept}, chosen by dev CER)" in made.card
    assert json.loads(seqrec("info", tmp_path / "parts", "--json").stdout)["best"]["epoch"] == kept
    assert "**Data**: fine-tuned on 10 other samples" in made.card
    first, second = ((tmp_path / name / "model.onnx").read_bytes() for name in ("whole", "parts"))
    assert first == second


def test_what_ends_just_after_it_began_can_be_resumed(base: Path, tmp_path: Path) -> None:
    def end(event: object) -> None:
        if isinstance(event, Notice) and event.text.startswith("Before"):
            raise SystemError

    samples = ink(OTHERS, seed=5)
    with pytest.raises(SystemError):
        finetune(base, tmp_path / "new", samples, on_event=end, sets=("training.epochs=1",))
    assert ModelFolder(tmp_path / "new").has("model.onnx")
    assert finetune(base, tmp_path / "new", samples, sets=("training.epochs=1",), resume=True).finished


# Data


def test_another_kind_of_data_is_refused(tmp_path: Path) -> None:
    sounds = [Sample(str(i), "x", path=Path(f"{i}.wav")) for i in range(3)]
    images = [Sample(str(i), "x", path=Path(f"{i}.png")) for i in range(3)]
    image, sound = (ModelFolder(make(tmp_path / make.__name__)) for make in (image_model, sound_model))
    finetuning.check_domain(image, [*images, *ink()], "data")  # which it draws
    finetuning.check_domain(sound, sounds, "data")
    with pytest.raises(DataError, match=r"data: holds sound \(3 of 4 samples\), but .*image_model reads image"):
        finetuning.check_domain(image, [*sounds, *images[:1]], "data")
    with pytest.raises(DataError, match="Choose a model that was trained on ink"):
        finetuning.check_domain(sound, ink(), "data")


def test_own_parts_never_hold_the_test_set(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("test", 5)):
        write_manifest(tmp_path / f"{part}.jsonl", ink(OTHERS[:1] * count if part == "test" else 2 * OTHERS))
    found, [why] = finetuning.own_parts([tmp_path], pytest.fail)
    assert "is read as manifest, because" in why
    assert sum(map(len, found.parts.values())) == 20
    assert set(found.parts) == {"train", "dev"}
    (tmp_path / "train.jsonl").unlink()
    said: list[SeqrecError] = []
    found, _ = finetuning.own_parts([tmp_path], said.append)
    assert not any(found.parts.values())
    assert [error.came for error in said] == ["holds a test set alone"]
    for part, words in (("train", 2 * OTHERS), ("dev", OTHERS)):
        write_manifest(tmp_path / "own" / f"{part}.jsonl", ink(words))
    write_manifest(tmp_path / "more.jsonl", ink(2 * WORDS))
    found, _ = finetuning.own_parts([tmp_path / "own", tmp_path / "more.jsonl"], pytest.fail)
    assert [sample.text for sample in found.parts["dev"]][:10] == list(OTHERS)
    assert [sample.text for sample in found.parts["train"]][:20] == list(2 * OTHERS)
    assert sum(map(len, found.parts.values())) == 46


def test_equal_ids_of_several_sources_are_told_apart(tmp_path: Path) -> None:
    for name, words in (("one", OTHERS), ("two", WORDS)):
        write_manifest(tmp_path / name / "words.jsonl", ink(words))
    sources = [tmp_path / "one", tmp_path / "two", tmp_path / "two" / ".." / "one"]  # the first once more
    found, reasons = finetuning.own_parts(sources, pytest.fail)
    samples = [sample for part in found.parts.values() for sample in part]
    assert len(reasons) == 2
    assert sorted(sample.text or "" for sample in samples) == sorted([*OTHERS, *WORDS])
    ids = {sample.id for sample in samples}
    assert len(ids) == len(samples)
    assert {sample.id for sample in ink(OTHERS)} < ids


def test_old_samples_are_mixed_in(base: Path, tmp_path: Path) -> None:
    material = finetuning.Material(tmp_path / "data")
    material.write({"train": ink(("lot", "toll")), "dev": ink(("lot",))})
    write_manifest(tmp_path / "old.jsonl", ink(WORDS))
    with (tmp_path / "old.jsonl").open("a", encoding="utf-8") as old:
        old.write("no sample\n")
    failed: list[SeqrecError] = []
    left = finetuning.mix(ModelFolder(base), tmp_path / "old.jsonl", material, "new", failed.append)
    assert [error.where for error in failed] == [f"{tmp_path / 'old.jsonl'}:{len(WORDS) + 1}"]
    assert left == 4  # oil, tilt, ill and it have an i
    assert [sample.text for sample in material.mixed][:2] == ["lot", "toll"]
    assert len(material.mixed) == 4
    assert {sample.text for sample in material.mixed} <= {"lo", "lot", "tool", "toll"}


def test_an_old_set_of_another_kind_is_refused(tmp_path: Path) -> None:
    sound = ModelFolder(sound_model(tmp_path / "sound"))
    write_manifest(tmp_path / "old.jsonl", ink())
    with pytest.raises(DataError, match=r"old\.jsonl: holds ink"):
        finetuning.check_old(sound, tmp_path / "old.jsonl")
    (tmp_path / "none.jsonl").write_text("# A page\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"none\.jsonl: holds no samples"):
        finetuning.check_old(sound, tmp_path / "none.jsonl")


def test_samples_without_a_text_take_no_place_in_dev(base: Path, tmp_path: Path) -> None:
    bare = [Sample(f"bare{i}", text, strokes=ink()[0].strokes) for i, text in enumerate([None, "", *3 * [""]])]
    write_manifest(tmp_path / "mine.jsonl", [*ink(2 * OTHERS), *bare])
    found, _ = finetuning.own_parts([tmp_path / "mine.jsonl"], pytest.fail)
    assert found.parts["dev"]
    assert all(sample.text for sample in found.parts["dev"])
    material, named = finetuning.Material(tmp_path / "data"), list[Finding]()
    material.write(found.parts)
    finetuning.check(ModelFolder(base), material, "mine", named.append)
    assert {finding.sample_id for finding in named} == {f"bare{i}" for i in range(5)}
    assert len(material.train) + len(material.dev) == 20
    named.clear()
    material.write({"train": bare, "dev": bare[:1]})
    with pytest.raises(DataError, match="leaves 0 samples to train on"):
        finetuning.check(ModelFolder(base), material, "mine", named.append)
    assert {Path(finding.where).stem for finding in named} == {"train", "dev"}


# The command


def test_twenty_lines_by_command(base: Path, tmp_path: Path) -> None:
    data, exp = tmp_path / "mine.jsonl", tmp_path / "exp"
    bad = Sample("short", "lot" * 30, strokes=(np.array([[0.0, 0.0], [1.0, 1.0]]),))
    write_manifest(data, [*ink(2 * OTHERS, seed=5), bad])
    done = seqrec("finetune", base, data, "--exp", exp, "--set", "training.epochs=2")
    assert done.returncode == 1, done.stderr
    assert "short" in done.stderr
    assert "characters kept: 4: i l o t" in done.stderr
    assert "characters added: 1: p (from " in done.stderr
    assert "weights of decoding and calibration stay those of the base model" in done.stderr
    assert "before" in done.stdout
    info = json.loads(seqrec("info", exp, "--json").stdout)
    assert info["finetune"]["base"] == f"{base.parent.name}/base"
    assert info["epochs"] == 2
    again = seqrec("finetune", base, data, "--exp", exp)
    assert again.returncode == 1
    assert "holds a training already" in again.stderr
    resumed = seqrec("finetune", base, data, "--exp", exp, "--set", "training.epochs=2", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "all 2 epochs are done" in resumed.stderr


def test_a_new_alphabet_old_samples_and_what_is_forgotten_by_command(base: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / "mine" / "train.jsonl", ink(("lot", "toll", "tool", "lo") * 3, seed=5))
    write_manifest(tmp_path / "mine" / "dev.jsonl", ink(("lot", "till"), seed=6))
    write_manifest(tmp_path / "old" / "train.jsonl", ink(WORDS))
    write_manifest(tmp_path / "old" / "dev.jsonl", ink(WORDS, seed=1))
    (tmp_path / "more.txt").write_text("lot\ntoll\n", encoding="utf-8")
    exp = tmp_path / "exp"
    done = seqrec(
        "finetune", base, tmp_path / "mine", "--exp", exp, "--alphabet", "new", "--freeze", "1", "--replay",
        tmp_path / "old", "--text", tmp_path / "more.txt", "--set", "training.epochs=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "characters dropped: 1: i" in done.stderr
    assert "characters of dev alone, which it cannot read: 1: i" in done.stderr
    assert "4 others have characters that are dropped" in done.stderr
    assert "old dev" in done.stdout
    assert ModelFolder(exp).has("lm.bin")
    assert ModelFolder(exp).alphabet.symbols == ("l", "o", "t")


def test_mistakes_by_command(base: Path, tmp_path: Path) -> None:
    rows = ({"id": str(i), "text": "x", "path": f"{i}.wav"} for i in range(3))
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    exp = tmp_path / "exp"
    done = seqrec("finetune", base, tmp_path / "s.jsonl", "--exp", exp)
    assert done.returncode == 1
    assert "holds sound (3 of 3 samples)" in done.stderr
    assert not exp.exists()
    write_manifest(tmp_path / "one.jsonl", ink(("lot",)))
    done = seqrec("finetune", base, tmp_path / "one.jsonl", "--exp", exp)
    assert done.returncode == 1
    assert "expected one or more of each. Some 20 lines of different texts are enough" in done.stderr
    done = seqrec(
        "finetune", base, tmp_path / "one.jsonl", "--exp", tmp_path / "other", "--replay", tmp_path / "s.jsonl"
    )
    assert done.returncode == 1
    assert "s.jsonl: holds sound (3 of 3 samples)" in done.stderr
    assert not (tmp_path / "other").exists()
    done = seqrec("finetune", base, tmp_path / "one.jsonl", "--exp", base)
    assert done.returncode == 1
    done = seqrec("finetune", base, tmp_path / "s.jsonl", "--exp", exp, "--freeze", "9")
    assert done.returncode == 2
    assert "9 of 2 stages" in done.stderr
    done = seqrec("finetune", base, tmp_path / "s.jsonl", "--exp", exp, "--set", "network.units=3")
    assert done.returncode == 2
    assert "'network.units' is the base model's and stays" in done.stderr


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xc3\n"])
def test_a_file_without_text_makes_no_language_model(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"more.txt: holds no text; expected UTF-8 text"):
        finetuning.check_text(str(tmp_path / "more.txt"))
