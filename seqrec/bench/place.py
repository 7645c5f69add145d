"""Where a run of the benchmark works, how large its cases are, and what the models of the recipes look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqrec.bench import material, outputs
from seqrec.bench.rounds import Side, run
from seqrec.bench.shapes import gflop
from seqrec.config import Config, Network
from seqrec.features import extractor
from seqrec.samples import Sample, write_manifest

MODELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # domain: features, network
    "ink": ({"kind": "strokes", "bitmap": 3}, {"subsample": [2]}),
    "image": (
        {"kind": "columns", "height": 40, "deslant": True},
        {"conv": [{"filters": 16, "pool": [2, 2]}, {"filters": 32, "pool": [2, 2]}, {"filters": 48, "pool": [1, 2]}]},
    ),
    "audio": (
        {"kind": "mfcc", "rate": material.RATE, "output": "logmel"},
        {"layers": 2, "units": 96, "stack": 2, "subsample": [2]},
    ),
}
_SYMBOLS = "".join(map(chr, range(33, 112)))
_SMALL = {"layers": 1, "units": 8}
_LINES, _FRAMES, _CLASSES = 200, 300, 80  # of a beam search


@dataclass(frozen=True)
class Place:
    """`folder` holds what is generated; `source` is a folder of UNIPEN words; `small` makes everything tiny.

    `recipe_of` is a trained model and the folder of its recipe's data. `limits` are the most GFLOP/s of
    this run, by library.
    """

    folder: Path
    threads: int
    source: Path | None = None
    recipe_of: tuple[Path, Path] | None = None
    small: bool = False
    say: Callable[[str], None] = lambda text: None
    limits: dict[str, float] = field(default_factory=dict)

    def measure_limits(self) -> None:
        """Look again what the machine can do: other programs may have kept it from it before. Raises SeqrecError."""
        if self.small and self.limits:
            return
        self.say("measuring the machine's limit")
        job = {"size": 64 if self.small else 3000, "warmup": 1, "steps": 5}
        found = run(Side("limit", "limit", job), self.threads)
        for name in ("TensorFlow", "NumPy"):
            self.limits[name] = max(found[name], self.limits.get(name, 0.0))

    def network(self, domain: str) -> Network:
        return Network.parse(MODELS[domain][1] | (_SMALL if self.small else {}), "bench")

    def model(self, domain: str) -> str:
        """A model folder of a recipe's shape."""
        folder = self.folder / f"model-{domain}"
        return str(material.write_model(folder, MODELS[domain][0], self.network(domain), _SYMBOLS))

    def recipe(self, **training: Any) -> Config:
        """unipen_words, without the augmentation that the peers do not have."""
        network = self.network("ink").model_copy(update={"dropout": 0.4})
        tables = {"batch_frames": 3500} | training
        return Config.parse(
            {"features": MODELS["ink"][0], "network": network.model_dump(), "training": tables}, "bench"
        )

    def words(self, part: str, count: int | None) -> list[Sample]:
        """See material.words; `count` is of a whole run."""
        self.say("reading words" if self.source else "writing words")
        return list(material.words(self.source, part, 16 if self.small else count, lambda bad: self.say(str(bad))))

    def manifest(self, name: str, samples: Iterable[Sample]) -> str:
        path = self.folder / f"{name}.jsonl"
        write_manifest(path, samples)
        return str(path)

    def held(self, name: str, samples: Iterable[Sample], config: Config) -> tuple[str, str, dict[str, float]]:
        """The manifest and the arrays that material.hold writes, and its counts."""
        self.say("computing frames for the peers")
        manifest, data = self.folder / f"{name}.jsonl", self.folder / f"{name}.npz"
        counts = material.hold(samples, config, manifest, data)
        return str(manifest), str(data), counts

    def outputs(self) -> tuple[str, str, dict[str, float]]:
        """Log-probabilities and an ARPA file, see outputs.py, and how many lines and frames there are."""
        count = 4 if self.small else None
        if self.recipe_of:
            self.say("reading lines by the model")
            learnt, made = outputs.real(*self.recipe_of, count, lambda bad: self.say(str(bad)))
        else:
            self.say("drawing log-probabilities")
            learnt, made = outputs.generated(count or _LINES, _FRAMES, _CLASSES)
        data, arpa = self.folder / "outputs.npz", self.folder / "characters.arpa"
        made.save(data)
        outputs.write_model(learnt, arpa)
        return str(data), str(arpa), {"lines": len(made.texts), "frames": sum(map(len, made.log_probs))}

    def gflop(self, domain: str, frames: float) -> float:
        """Forward operations of a domain's network, in units of 1e9."""
        return gflop(self.network(domain), extractor(MODELS[domain][0]).dim, len(_SYMBOLS) + 1, frames)

    def one(self, domain: str) -> str:
        """A file with one signal."""
        if domain == "ink":
            return self.manifest("one", material.words(None, "train", 1))
        if domain == "image":
            return str(material.write_image(self.folder / "one.png"))
        [sound] = material.sounds(self.folder / "one", 1)
        return str(sound.path)

    def many(self, domain: str) -> tuple[list[Sample], dict[str, float]]:
        """Samples to compute frames of, and how much they are."""
        if domain != "audio":
            samples = self.words("train", 1000)
            return samples, {"samples": len(samples)}
        samples = list(material.sounds(self.folder / "sounds", 4 if self.small else 100))
        return samples, {"samples": len(samples), "signal_s": sum(sample.end or 0 for sample in samples)}
