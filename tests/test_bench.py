"""`seqrec bench`: its arithmetic by hand, its sides as real processes; no figure of speed is asserted."""

from __future__ import annotations

import ast
import dataclasses
import gzip
import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqrec.alphabet import Alphabet
from seqrec.bench import material, outputs
from seqrec.bench.cases import SMALL, Case, Plan, Reach, cases, choose
from seqrec.bench.compare import add_shares, reached, row
from seqrec.bench.place import Place
from seqrec.bench.rounds import Missing, Side, Times, in_turn, run
from seqrec.bench.shapes import Shape, gflop, weights_of
from seqrec.bench.table import head, table
from seqrec.cli.bench import command
from seqrec.config import Network
from seqrec.decoding.greedy import best_path
from seqrec.errors import ConfigError, SeqrecError
from seqrec.network.onnx_graph import to_onnx
from seqrec.samples import Sample, read_manifest
from tests.test_docs import names
from tests.tiny import seqrec

JOB = {"shape": dataclasses.asdict(SMALL), "warmup": 0, "steps": 2}
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


# Arithmetic


def test_operations_by_hand() -> None:
    """Per frame and layer 2 directions x 4 gates x units x (inputs + units) products, and the dense output."""
    first, second, output = 8 * 4 * (5 + 4), 8 * 4 * (8 + 4), 8 * 6
    assert SMALL.gflop == pytest.approx(3 * 7 * 2 * (first + second + output) / 1e9)
    joined = Network(layers=2, units=4, stack=2, subsample=(5,))
    halved, tenth = 8 * 4 * (10 + 4), 8 * 4 * (40 + 4) + 8 * 6
    assert gflop(joined, 5, 6, 30) == pytest.approx(2 * (15 * halved + 3 * tenth) / 1e9)


@pytest.mark.parametrize(
    "network",
    [
        Network(layers=2, units=3),
        Network(layers=2, units=3, stack=2, subsample=(2, 3)),
        Network.parse({"layers": 1, "units": 3, "conv": [{"filters": 2, "pool": [2, 4]}, {"filters": 5}]}, "test"),
    ],
)
def test_weights_fit_the_network(network: Network) -> None:
    """The checker of ONNX infers every shape, so that a wrong one is an error."""
    assert to_onnx(network, 9, weights_of(network, 9, 4))


def times(seconds: list[float], mb: list[float] | None = None, **facts: Any) -> Times:
    return Times(seconds, mb or [], facts)


def test_row_by_hand() -> None:
    case = Case("c", "train", lambda place: Plan([]), {"pytorch": Reach(1.0)})
    plan = Plan([], {"frames": 600}, gflop=10.0)
    made = row(case, plan, "pytorch", times([2.0, 9.0, 1.0], [50, 70, 60]), times([3.0, 4.0, 8.0], [80.0]))
    add_shares([made], limit=20.0)
    assert (made["case"], made["peer"], made["ratio"], made["rounds"]) == ("c", "pytorch", 2.0, 3)
    assert (made["seqrec_s"], made["peer_s"], made["seqrec_mb"], made["peer_mb"]) == (2.0, 4.0, 60, 80)
    assert (made["seqrec_range_s"], made["peer_range_s"]) == ([1.0, 9.0], [3.0, 8.0])
    assert (made["seqrec_share"], made["peer_share"]) == (0.25, 0.125)
    assert (made["reach"], made["reached"]) == ({"ratio": 1.0}, True)


def test_row_without_a_peer_and_of_one_that_is_missing() -> None:
    case = Case("c", "train", lambda place: Plan([]), {"pytorch": Reach(1.0), "": Reach(mb=55)})
    alone = row(case, Plan([]), "", times([2.0], [50.0]), None)
    assert (alone["peer"], alone["ratio"], alone["peer_s"], alone["reached"]) == (None, None, None, True)
    missing = row(case, Plan([]), "pytorch", times([2.0]), None)
    assert (missing["peer"], missing["ratio"], missing["seqrec_s"], missing["reached"]) == ("pytorch", None, 2.0, None)


ROW: dict[str, Any] = {
    "amount": {"lines": 450}, "ratio": 2.0, "seqrec_s": 3.0, "seqrec_mb": 100.0, "peer_mb": 60.0,
    "seqrec_cer": 0.0625, "peer_cer": 0.05,
}  # fmt: skip


@pytest.mark.parametrize(
    ("reach", "found"),
    [
        (Reach(ratio=2.0), True),
        (Reach(ratio=2.1), False),
        (Reach(seconds=3.0), True),
        (Reach(seconds=2.9), False),
        (Reach(mb=100), True),
        (Reach(more_mb=40), True),
        (Reach(more_mb=39), False),
        (Reach(ratio=2.0, mb=99), False),
        (Reach(rate=150.0), True),
        (Reach(rate=151.0), False),
        (Reach(more_cer=0.02), True),
        (Reach(more_cer=0.0), False),
        (Reach(), True),
    ],
)
def test_reached(reach: Reach, found: bool) -> None:
    assert reached(reach, ROW) is found


def test_errors_of_a_peer_that_is_missing() -> None:
    assert reached(Reach(more_cer=0.0), ROW | {"peer_cer": None}) is None


def test_table_by_hand() -> None:
    reach = {"torch": Reach(0.5), "": Reach(mb=50), "flashlight": Reach(rate=4, more_cer=0.0)}
    case = Case("network", "decode", lambda place: Plan([]), reach)
    rows = [
        row(case, Plan([], {"frames": 1000}, 5.0), "torch", times([0.25], [60]), times([0.5], [80])),
        row(case, Plan([]), "gone", times([2.0]), None),
        row(case, Plan([]), "", times([2.0, 4.0, 3.0], [60]), None),
        row(case, Plan([], {"lines": 10}), "flashlight", times([2.0], cer=0.25), times([1.0], cer=0.125)),
    ]
    add_shares(rows, 40.0)
    assert table(rows).splitlines() == [
        "case     peer        ratio  reach                     seqrec            peer's            seqrec/s      "
        "GFLOP  of the limit     MB      CER",
        "network  torch       2.00   >= 0.50 yes               250 ms (250-250)  500 ms (500-500)  4,000 frames  "
        "5      50%, peer's 25%  60, 80",
        "network  gone        -                                2 s (2-2)         -",
        "network              -      <= 50 MB NO               3 s (2-4)                                         "
        "                        60",
        "network  flashlight  0.50   >= 4/s, CER <= 0 more NO  2 s (2-2)         1 s (1-1)         5 lines       "
        "                                25.00%, 12.50%",
    ]
    about = {"processor": "P", "cores": 2, "threads": 1, "system": "S", "versions": {"python": "3.13", "numpy": "2.4"}}
    assert head(about, {"NumPy": 99.6}).splitlines() == [
        "P, 2 cores, threads: 1; S",
        "python 3.13, numpy 2.4",
        "limit, float32 matrix products: 100 GFLOP/s in NumPy",
    ]
    assert "limit" not in head(about, {})


# Cases


def test_choosing() -> None:
    names = [case.name for case in choose("all")]
    assert len(set(names)) == len(names)
    assert "million" in names
    assert "million" not in [case.name for case in choose("train")]
    assert [case.name for case in choose("train", ["million"])] == ["million"]
    with pytest.raises(ConfigError, match=r"unknown name 'trian-3x128'.*Did you mean 'train-3x128'"):
        choose("train", ["trian-3x128"])
    with pytest.raises(ConfigError, match="unknown name 'start-ink'"):
        choose("train", ["start-ink"])


@pytest.mark.parametrize("case", [case for case in cases() if not case.long], ids=lambda case: case.name)
def test_the_jobs_of_a_case_are_what_its_sides_take(case: Case, tmp_path: Path) -> None:
    plan = case.make(Place(tmp_path, threads=1, small=True))
    assert plan.sides[0].name == "seqrec"
    peers = {side.name for side in plan.sides[1:]} or {""}
    assert set(case.reach) <= peers
    for side in plan.sides:
        json.dumps(side.job)
        assert set(side.job) | {"threads"} == keywords(side.module)


def keywords(module: str) -> set[str]:
    """What `measure` of a side takes, read from its source: its library may be missing."""
    spec = find_spec(f"seqrec.bench.{module}")
    assert spec
    assert spec.origin
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    [measure] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "measure"]
    return {argument.arg for argument in measure.args.kwonlyargs}


def test_held_samples_are_those_of_the_manifest(tmp_path: Path) -> None:
    config = Place(tmp_path, threads=1, small=True).recipe()
    samples = list(material.words(None, "train", 3))
    dot = Sample("short", "much too long", strokes=(np.array([[0.0, 0.0], [1.0, 1.0]]),))
    counts = material.hold([*samples, dot], config, tmp_path / "m.jsonl", tmp_path / "m.npz")
    assert [sample.id for sample in read_manifest(tmp_path / "m.jsonl")] == ["w0", "w1", "w2"]
    with np.load(tmp_path / "m.npz") as arrays:
        assert counts == {"samples": 3, "frames": len(arrays["frames"])}
        assert arrays["n_frames"].sum() == len(arrays["frames"])
        assert arrays["n_labels"].tolist() == [len(sample.text or "") for sample in samples]
        np.testing.assert_allclose(arrays["frames"].mean(axis=0), 0, atol=1e-4)


def test_words_of_a_source(tmp_path: Path) -> None:
    """Bad lines are named; lines of writers whom dev holds are not learnt from."""
    line = {"strokes": [[0, 0, 3, 4]], "label": "x"}
    rows = {
        "words": [
            line | {"id": name[0], "writer": name, "split": split}
            for name, split in (("anna", "train"), ("ben", "dev"))
        ],
        "lines": [line | {"id": name[0], "writer": name, "split": "train"} for name in ("ben", "carl")],
    }
    for name, found in rows.items():
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as out:
            out.write("".join(json.dumps(row) + "\n" for row in found) + "no JSON\n")
    bad: list[SeqrecError] = []
    assert [sample.id for sample in material.words(tmp_path, "train", None, bad.append)] == ["a", "c"]
    assert [sample.id for sample in material.words(tmp_path, "dev", 1, bad.append)] == ["b"]
    assert "words.jsonl.gz:3: is not JSON" in str(bad[0])


def test_short_lines_all_differ(tmp_path: Path) -> None:
    made = list(material.short_lines(1003))
    assert len({sample.id for sample in made}) == 1003
    assert len({sample.strokes[0].tobytes() for sample in made if sample.strokes}) == 1003


def test_drawn_outputs() -> None:
    """Distributions that a network could give, of texts that the alphabet can write."""
    learnt, made = outputs.generated(5, 60, 20)
    assert len(learnt) > len(made.texts) == 5
    for log_probs, text in zip(made.log_probs, made.texts, strict=True):
        assert (log_probs.shape, log_probs.dtype) == ((60, 20), np.float32)
        np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1, rtol=1e-5)
        assert 10 < len(made.alphabet.encode(text)) < 30
    assert 0 < made.cer([best_path(each, made.alphabet) for each in made.log_probs]) < 0.5
    assert outputs.generated(5, 60, 20)[1].texts == made.texts


def test_outputs_are_kept(tmp_path: Path) -> None:
    kept = [np.log(np.full((frames, 3), 1 / 3, np.float32)) for frames in (2, 0, 3)]
    outputs.Outputs(Alphabet((" ", "a")), kept, ["a a", "", "aa aa"]).save(tmp_path / "o.npz")
    found = outputs.Outputs.load(str(tmp_path / "o.npz"))
    assert (found.alphabet, found.texts) == (Alphabet((" ", "a")), ["a a", "", "aa aa"])
    assert [len(each) for each in found.log_probs] == [2, 0, 3]
    assert found.cer([[2, 1, 2], [], [2, 2, 2, 2]]) == pytest.approx(1 / 8)


def test_outputs_of_a_model(tmp_path: Path) -> None:
    place = Place(tmp_path, threads=1, small=True)
    model, words = place.model("ink"), list(material.words(None, "train", 5))
    for name, samples in (("train", words[:3]), ("dev", words[3:])):
        place.manifest(name, [dataclasses.replace(each, text="!?") for each in samples])
    made = Place(tmp_path, threads=1, small=True, recipe_of=(Path(model), tmp_path))
    _, arpa, amount = made.outputs()
    assert amount["lines"] == 2
    assert "!" in Path(arpa).read_text(encoding="utf-8")


# Sides


@pytest.mark.parametrize("with_lm", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_beams_find_the_same(with_lm: bool, threads: int, tmp_path: Path) -> None:
    pytest.importorskip("flashlight.lib.text.decoder")
    data, arpa, _ = Place(tmp_path, threads=1, small=True).outputs()
    job = {"outputs": data, "arpa": arpa if with_lm else None, "lm_weight": 0.6, "beam": 64}
    job |= {"warmup": 0, "steps": 1, "threads": threads}
    mine, its = (run(Side("side", module, job), threads) for module in ("seqrec_beam", "flashlight_beam"))
    assert mine["cer"] == its["cer"]
    assert its["cer"] < (0.05 if with_lm else 0.3)


def test_sides_run_in_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sides = [process(name, f"open({str(log)!r}, 'a').write({name!r})") for name in ("A", "B")]
    said: list[str] = []
    found, failed = in_turn(sides, rounds=2, threads=1, say=said.append)
    assert log.read_text() == "ABAB"
    assert [len(found[name].seconds) for name in ("A", "B")] == [2, 2]
    assert said[1] == "round 1 of 2: B"
    assert not failed


def test_a_process_that_fails_is_named_with_the_last_it_said() -> None:
    sides = [process("good", ""), process("bad", "raise SystemExit('no more paper')")]
    found, failed = in_turn(sides, rounds=2, threads=1, say=lambda said: None)
    assert list(found) == ["good"]
    assert "no more paper" in str(failed["bad"])
    assert "ended with exit code 1" in str(failed["bad"])


def process(name: str, code: str) -> Side:
    return Side(name, "process", {"command": ["-c", code], "warmup": 0})


def test_memory_of_a_process() -> None:
    """Some 100 MB more than without them."""
    empty, full = (run(process("p", code), 1)["peak_mb"] for code in ("", "x = b'1' * 100_000_000"))
    assert 95 < full - empty < 120


def test_a_missing_library_is_told_kindly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_torch(tmp_path, monkeypatch)
    with pytest.raises(Missing) as caught:
        run(Side("pytorch", "torch_network", JOB), 1)
    assert str(caught.value) == (
        "pytorch: torch is not installed. Install with scripts/bench or pip install seqrec[bench]"
    )


def without_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started from now on find no torch."""
    code = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    (folder / "torch.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize("module", ["seqrec_network", "onnx_network", pytest.param("torch_network", marks=needs_torch)])
def test_every_network_computes_the_same(module: str) -> None:
    """The sum of the log-probabilities, by a forward pass in NumPy."""
    result = run(Side("side", module, JOB), 1)
    assert result["result"] == pytest.approx(forward(SMALL).sum(), rel=1e-4)
    assert len(result["seconds"]) == 2
    assert min(result["seconds"]) > 0


@needs_torch
def test_pytorch_trains_on_the_same_loss() -> None:
    assert run(Side("side", "torch_train", JOB), 1)["result"] == pytest.approx(loss_per_label(SMALL), rel=1e-4)


def loss_per_label(shape: Shape) -> float:
    pairs = zip(forward(shape), shape.arrays()[1], strict=True)
    return float(np.mean([path_sum(*each) for each in pairs])) / shape.labels


def forward(shape: Shape) -> np.ndarray:
    """Log-probabilities (B, T, C) in float64."""
    weights = {name: array.astype(np.float64) for name, array in shape.weights().items()}
    x = shape.arrays()[0].astype(np.float64)
    for i in range(shape.layers):
        ways = []
        for way, step in (("forward", 1), ("backward", -1)):
            cell = f"layer{i}/{way}_lstm/lstm_cell"
            parts = (weights[f"{cell}/{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
            ways.append(lstm(x[:, ::step], *parts)[:, ::step])
        x = np.concatenate(ways, axis=2)
    logits = x @ weights["output/kernel"] + weights["output/bias"]
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)))


def lstm(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    h = c = np.zeros((len(x), len(recurrent)))
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        outputs.append(h)
    return np.stack(outputs, axis=1)


def path_sum(log_probs: np.ndarray, labels: np.ndarray) -> float:
    """The CTC loss by the forward recursion over labels with blanks between them."""
    states = [0, *(state for label in labels.tolist() for state in (label, 0))]
    alpha = np.zeros(len(states))
    alpha[:2] = np.exp(log_probs[0, states[:2]])
    for frame in np.exp(log_probs[1:]):
        before = alpha.copy()
        for s, label in enumerate(states):
            skip = s > 1 and label and label != states[s - 2]
            alpha[s] = (before[s] + (before[s - 1] if s else 0) + (before[s - 2] if skip else 0)) * frame[label]
    return -math.log(alpha[-1] + alpha[-2])


@needs_torch
def test_the_epoch_of_pytorch_takes_every_sample_once(tmp_path: Path) -> None:
    from seqrec.bench.torch_epoch import Held

    place = Place(tmp_path, threads=1, small=True)
    config = place.recipe()
    material.hold(material.words(None, "train", 30), config, tmp_path / "m.jsonl", tmp_path / "m.npz")
    held = Held(str(tmp_path / "m.npz"))
    batches = held.batches(400, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(30))
    assert max(len(rows) * held.n_frames[rows].max() for rows in batches if len(rows) > 1) <= 400
    job = {"config": config.model_dump(mode="json"), "data": str(tmp_path / "m.npz")}
    assert run(Side("pytorch", "torch_epoch", job), 1)["losses"][0] > 0


# The command


def bench(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return seqrec("bench", *args)


def rows_of(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str | None], dict[str, Any]]:
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {(row["case"], row["peer"]): row for row in rows}


def test_training_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, the rest is measured, the exit code tells."""
    without_torch(tmp_path, monkeypatch)
    done = bench("train", "--case", "train-3x128", "--case", "epoch-unipen", "--smoke", "--threads", "1", "--json")
    assert done.returncode == 1
    said = done.stderr.splitlines()
    missing = "pytorch: torch is not installed. Install with scripts/bench or pip install seqrec[bench]"
    assert f"seqrec: train-3x128: {missing}" in said
    assert f"seqrec: epoch-unipen: {missing}" in said
    assert "train-3x128: round 1 of 1: keras" in said
    rows = rows_of(done)
    assert list(rows) == [("train-3x128", "pytorch"), ("train-3x128", "keras"), ("epoch-unipen", "pytorch")]
    absent, keras, epoch = rows.values()
    assert (absent["ratio"], absent["peer_s"], absent["reached"]) == (None, None, None)
    for side in ("seqrec", "other"):
        assert keras[side]["result"] == pytest.approx(loss_per_label(SMALL), rel=1e-4)
    assert keras["ratio"] == keras["peer_s"] / keras["seqrec_s"]
    assert keras["limit_gflop_per_s"] > 0
    assert keras["seqrec_share"] == pytest.approx(keras["gflop"] / keras["seqrec_s"] / keras["limit_gflop_per_s"])
    assert epoch["seqrec_s"] > 0
    assert epoch["amount"]["samples"] == 16
    assert len(epoch["seqrec"]["losses"]) == 2
    about = keras["machine"]
    assert (about["threads"], about["versions"]["python"]) == (1, sys.version.split()[0])


def test_decoding_and_the_store(tmp_path: Path) -> None:
    named = ["--case", "decode-2000", "--case", "memory-decode-image", "--case", "store-random"]
    done = bench("all", *named, "--smoke", "--json", "-o", tmp_path / "b.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    rows = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["case"], row["peer"], row["rounds"]) for row in rows] == [
        ("decode-2000", "onnxruntime", 1), ("memory-decode-image", None, 1), ("store-random", "computing", 1),
    ]  # fmt: skip
    assert rows[1]["seqrec_mb"] > 20


def test_the_table_and_a_folder_that_is_kept(tmp_path: Path) -> None:
    done = bench("features", "--case", "features-audio", "--case", "features-ink", "--smoke", "--work", tmp_path / "w")
    assert done.returncode == 0
    first, versions, empty, header, *lines = done.stdout.splitlines()
    assert " cores, " in first
    assert versions.startswith("python 3.")
    assert (empty, header.split()[:4]) == ("", ["case", "peer", "ratio", "reach"])
    assert [line.split()[:2] for line in lines] == [["features-ink", "-"], ["features-audio", "librosa"]]
    assert "signal_s" in lines[1]
    assert (tmp_path / "w" / "ink.jsonl").is_file()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["trian"], 2, "'trian' is not one of"),
        (["train", "--case", "train3x128"], 2, "unknown name 'train3x128'; expected one of train-3x128, "),
        (["beam", "--model", "m.zip"], 2, "--model and --data go together"),
        (["train", "--case", "start-help"], 2, "unknown name 'start-help'"),
        (["start", "--rounds", "0"], 2, "0 is not in the range"),
        ([], 2, "Missing argument"),
        (["train", "--case", "epoch-unipen", "--source", "nowhere"], 1, "words.jsonl.gz: cannot be read"),
    ],
)
def test_mistakes(args: list[str], code: int, said: str) -> None:
    done = bench(*args)
    assert (done.returncode, done.stdout.count("epoch-unipen")) == (code, 0)
    assert said in " ".join(done.stderr.split())


def test_cases_and_options_are_documented() -> None:
    assert names("docs/bench.md", "| case | what is measured | beside | reach |") == [case.name for case in cases()]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert {name.split()[0] for name in names("docs/bench.md", "| option | meaning |")} == options
