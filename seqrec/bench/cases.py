"""The cases of `seqrec bench`: what each measures, its sides and what is to be reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from seqrec.bench import material
from seqrec.bench.place import MODELS, Place
from seqrec.bench.rounds import Side, run
from seqrec.bench.shapes import Shape
from seqrec.errors import ConfigError
from seqrec.options import suggest

SMALL = Shape(layers=2, units=4, batch=3, frames=7, dim=5, classes=6, labels=3)  # instead of any other
_EPOCH_WORDS = 1500  # generated ones
_IMPORT = "import tensorflow"
_LM_WEIGHT = 0.6


@dataclass(frozen=True)
class Reach:
    """The least ratio (peer's seconds over seqrec's) and the most of seqrec's own seconds and memory.

    `rate` is the least of what is done in a second; `more_mb` and `more_cer` are the most memory and the
    most character error rate beyond the peer's.
    """

    ratio: float | None = None
    rate: float | None = None
    seconds: float | None = None
    mb: float | None = None
    more_mb: float | None = None
    more_cer: float | None = None


@dataclass(frozen=True)
class Plan:
    """The sides, seqrec's first; what one measured unit holds; its operations in units of 1e9."""

    sides: list[Side]
    amount: Mapping[str, float] = field(default_factory=dict)
    gflop: float | None = None


@dataclass(frozen=True)
class Case:
    """`make` prepares the case; `reach` is by peer, under "" where there is none."""

    name: str
    what: str
    make: Callable[[Place], Plan]
    reach: Mapping[str, Reach] = field(default_factory=dict)
    rounds: int = 5
    long: bool = False


def _step(place: Place, shape: Shape) -> Plan:
    shape = SMALL if place.small else shape
    job = {"shape": dataclasses.asdict(shape), "warmup": 2, "steps": 1 if place.small else 7}
    sides = [
        Side("seqrec", "seqrec_train", job),
        Side("pytorch", "torch_train", job),
        Side("keras", "keras_train", job),
    ]
    return Plan(sides, {"frames": shape.batch * shape.frames}, 3 * shape.gflop)  # backward is twice forward


def _network(place: Place, shape: Shape) -> Plan:
    shape = SMALL if place.small else shape
    job = {"shape": dataclasses.asdict(shape), "warmup": 3, "steps": 1 if place.small else 25}
    sides = [
        Side("seqrec", "seqrec_network", job),
        Side("pytorch", "torch_network", job),
        Side("onnxruntime", "onnx_network", job),
    ]
    return Plan(sides, {"frames": shape.batch * shape.frames}, shape.gflop)


def _epoch(place: Place) -> Plan:
    config = place.recipe(epochs=2)
    manifest, data, counts = place.held("train", place.words("train", None if place.source else _EPOCH_WORDS), config)
    settings, dev = config.model_dump(mode="json"), place.manifest("dev", place.words("dev", 1))
    job = {"config": settings, "train_manifest": manifest, "dev_manifest": dev, "store": str(place.folder / "frames")}
    sides = [Side("seqrec", "seqrec_epoch", job), Side("pytorch", "torch_epoch", {"config": settings, "data": data})]
    return Plan(sides, counts, 3 * place.gflop("ink", counts["frames"]))


def _twice(place: Place) -> Plan:
    samples = place.words("train", None if place.source else 2 * _EPOCH_WORDS)
    settings, dev = place.recipe(epochs=2).model_dump(mode="json"), place.manifest("dev", place.words("dev", 1))
    job = {"config": settings, "dev_manifest": dev, "store": str(place.folder / "frames")}
    sides = [
        Side(name, "seqrec_epoch", job | {"train_manifest": place.manifest(file, given)})
        for name, file, given in (("seqrec", "whole", samples), ("half the data", "half", samples[::2]))
    ]
    return Plan(sides, {"samples": len(samples)})


def _million(place: Place) -> Plan:
    settings, dev = place.recipe().model_dump(mode="json"), place.manifest("dev", place.words("dev", 1))
    few, many = (16, 200) if place.small else (1000, 1_000_000)
    sides = []
    for name, file, count in (("seqrec", "many", many), (f"{few:,} lines", "few", few)):
        place.say(f"writing {count:,} lines and storing their frames")
        job = {"config": settings, "dev_manifest": dev, "store": str(place.folder / "frames")}
        side = Side(name, "seqrec_start", job | {"train_manifest": place.manifest(file, material.short_lines(count))})
        run(side, place.threads)
        sides.append(side)
    return Plan(sides, {"samples": many})


def _decode(place: Place) -> Plan:
    manifest, data, counts = place.held("decode", place.words("dev", 2000), place.recipe())
    model = place.model("ink")
    job = {"model": model, "data": data, "batch": 32, "warmup": 1, "steps": 1 if place.small else 3}
    sides = [_decoding(place, model, manifest), Side("onnxruntime", "onnx_frames", job)]
    return Plan(sides, counts, place.gflop("ink", counts["frames"]))


def _beam(place: Place, threads: int | None = None, with_lm: bool = True) -> Plan:
    outputs, arpa, amount = place.outputs()
    job = {"outputs": outputs, "arpa": arpa if with_lm else None, "lm_weight": _LM_WEIGHT, "beam": 32}
    job |= {"warmup": 1, "steps": 1 if place.small else 3, "threads": threads or place.threads}
    return Plan([Side("seqrec", "seqrec_beam", job), Side("flashlight", "flashlight_beam", job)], amount)


def _decoding(place: Place, model: str, given: str) -> Side:
    command = ["-m", "seqrec", "decode", model, given, "--threads", str(place.threads)]
    return _command("seqrec", place, command)


def _command(name: str, place: Place, command: list[str]) -> Side:
    return Side(name, "process", {"command": command, "warmup": 0 if place.small else 1})


def _start(place: Place, domain: str) -> Plan:
    return Plan([_one_file(place, domain), _command(_IMPORT, place, ["-c", _IMPORT])])


def _help(place: Place) -> Plan:
    return Plan([_command("seqrec", place, ["-m", "seqrec", "--help"]), _command(_IMPORT, place, ["-c", _IMPORT])])


def _memory(place: Place, domain: str) -> Plan:
    return Plan([_one_file(place, domain)])


def _one_file(place: Place, domain: str) -> Side:
    return _decoding(place, place.model(domain), place.one(domain))


def _features(place: Place, domain: str) -> Plan:
    samples, amount = place.many(domain)
    job = {"manifest": place.manifest(domain, samples), "warmup": 1, "steps": 1 if place.small else 3, "threads": 1}
    sides = [Side("seqrec", "extract", job | {"features": _KINDS[domain]})]
    if domain == "audio":
        sides.append(Side("librosa", "librosa_mfcc", job))
    return Plan(sides, amount)


def _cores(place: Place, domain: str) -> Plan:
    samples, amount = place.many(domain)
    job = {"manifest": place.manifest(domain, samples), "features": _KINDS[domain]}
    return Plan([Side("seqrec", "cores", job), Side("one core", "cores", job | {"threads": 1})], amount)


def _store(place: Place) -> Plan:
    samples, amount = place.many("ink")
    job = {"manifest": place.manifest("ink", samples), "features": _KINDS["ink"], "warmup": 1, "steps": 3}
    return Plan([Side("seqrec", "stored", job), Side("computing", "extract", job | {"threads": 1})], amount)


_KINDS: dict[str, dict[str, Any]] = {
    "ink": MODELS["ink"][0],
    "image": MODELS["image"][0],
    "audio": {"kind": "mfcc", "rate": material.RATE},
}


def cases() -> list[Case]:
    """All cases, in the order in which they are run."""
    level = Reach(ratio=1.0)
    both = {"pytorch": level, "onnxruntime": level}
    return [
        *(
            Case(f"train-3x{units}", "train", partial(_step, shape=Shape(3, units, batch, frames)), reach)
            for units, batch, frames, reach in (
                (128, 32, 300, {"pytorch": level, "keras": Reach(2.0)}),
                (256, 16, 400, {"pytorch": level, "keras": Reach(3.0)}),
            )
        ),
        Case("epoch-unipen", "train", _epoch, {"pytorch": level}),
        Case("epoch-twice", "train", _twice, {"half the data": Reach(1 / 2.1)}),
        Case("million", "train", _million, {"1,000 lines": Reach(seconds=180, more_mb=1500)}, rounds=1, long=True),
        *(
            Case(f"network-{batch}-3x{units}", "decode", partial(_network, shape=Shape(3, units, batch, 300)), both)
            for units in (128, 256)
            for batch in (1, 16)
        ),
        Case("decode-2000", "decode", _decode, {"onnxruntime": Reach(1 / 1.6)}),
        *(
            Case(f"memory-decode-{domain}", "decode", partial(_memory, domain=domain), {"": Reach(mb=350)})
            for domain in MODELS
        ),
        *(
            Case(f"start-{domain}", "start", partial(_start, domain=domain), {_IMPORT: Reach(ratio)})
            for domain, ratio in (("ink", 2.5), ("image", 2.5), ("audio", 1.0))
        ),
        Case("start-help", "start", _help, {_IMPORT: Reach(10.0)}),
        *(Case(f"features-{domain}", "features", partial(_features, domain=domain)) for domain in MODELS),
        *(Case(f"cores-{domain}", "features", partial(_cores, domain=domain)) for domain in MODELS),
        Case("store-random", "store", _store),
        Case("beam", "beam", partial(_beam, with_lm=False), {"flashlight": Reach(rate=300)}),
        Case("beam-lm", "beam", _beam, {"flashlight": Reach(ratio=1.0, more_cer=0.0)}),
        Case("beam-lm-core", "beam", partial(_beam, threads=1), {"flashlight": Reach(ratio=1.0, more_cer=0.0)}),
    ]


def choose(what: str, names: Sequence[str] = ()) -> list[Case]:
    """The cases of a kind or of "all"; with names these alone, and only then a long one of a kind.

    Raises ConfigError for a name that is not among them.
    """
    among = [case for case in cases() if what in (case.what, "all")]
    known = [case.name for case in among]
    for name in names:
        if name not in known:
            raise ConfigError("--case", f"unknown name {name!r}", f"one of {', '.join(known)}", suggest(name, known))
    return [case for case in among if (case.name in names if names else what == "all" or not case.long)]
