"""From a trained model and one's own data to the start of another training: weights, options, samples."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from seqrec import checking
from seqrec.alphabet import Alphabet, graphemes
from seqrec.checking import Finding, Report
from seqrec.config import Config, Finetune, Network, overridden
from seqrec.corpora import gather
from seqrec.corpora.auto import recognise
from seqrec.errors import ConfigError, DataError
from seqrec.inputs import SUFFIXES
from seqrec.lm import binary
from seqrec.lm.model import LanguageModel
from seqrec.lm.texts import texts_of
from seqrec.modelfolder import ModelFolder, Normalizer, put_parts
from seqrec.network.onnx_graph import weights_from_onnx
from seqrec.samples import Manifest, OnError, Sample, write_manifest
from seqrec.splits import Shares, Split, split
from seqrec.surgery import Carried, carry, new_alphabet

FEW_DEV = 50  # samples of dev, below which weights of decoding are not chosen by them

_LOOKED_AT = 100  # samples of the base's own sets, to see of what kind they are
_REPLAYED = 1.0  # samples of the base's training set for each new one
_ROWS = 8  # samples of a batch, at least
_UPDATES = 24  # of an epoch, for which batches are made no larger than `_ROWS`
_MOST_FRAMES = 6000  # padded frames of a batch
_FEW, _MANY = 80, 1000  # samples
_SHOWN = 2400  # samples in all epochs together, where there are few
_EPOCHS = (30, 6, 80)  # for between few and many samples; at least; at most
_ADJUSTABLE = ("training", "augment", "decoding", "card", "network.dropout", "network.input_dropout")

How = Literal["union", "new"]


@dataclass(frozen=True, eq=False)
class Start:
    """What a training begins with instead of chance: named weights, the normaliser, the alphabet."""

    weights: Mapping[str, np.ndarray]
    normalizer: Normalizer
    alphabet: Alphabet


class Material:
    """One's own samples in a folder: `train` and `dev`, and `mixed`, train with samples of the base's training set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    @cached_property
    def train(self) -> Manifest:
        return Manifest(self.path("train"))

    @cached_property
    def dev(self) -> Manifest:
        return Manifest(self.path("dev"))

    @cached_property
    def mixed(self) -> Manifest:
        return Manifest(self.path("mixed")) if self.path("mixed").exists() else self.train

    def write(self, parts: Mapping[str, Iterable[Sample]]) -> None:
        """Write manifests of these names, in the place of older ones."""
        self.path("mixed").unlink(missing_ok=True)
        for name, samples in parts.items():
            write_manifest(self.path(name), samples)
            self.__dict__.pop(name, None)


def start_of(base: ModelFolder, material: Material, how: How) -> tuple[Start, Carried]:
    """The base's weights with an output for the alphabet of the material, and what became of the symbols.

    Raises ModelError.
    """
    alphabet = _alphabet(base, material.train, how)
    weights = weights_from_onnx(base.onnx_bytes(), base.where("model.onnx"))
    weights, carried = carry(weights, base.alphabet, alphabet)
    return Start(weights, base.normalizer, alphabet), carried


def _alphabet(base: ModelFolder, samples: Iterable[Sample], how: How) -> Alphabet:
    return new_alphabet(base.alphabet, (sample.text or "" for sample in samples), how)


def options_of(base: ModelFolder, alphabet: How, freeze: int, layer_rate: float, replay: int = 0) -> Finetune:
    """What the model will say of where it is from."""
    name = "/".join(base.path.resolve().parts[-2:])
    digest = hashlib.sha256(base.read("model.onnx")).hexdigest()
    return Finetune(base=name, digest=digest, alphabet=alphabet, freeze=freeze, layer_rate=layer_rate, replay=replay)


def stages(network: Network) -> list[tuple[str, ...]]:
    """How the names of each stage's weights begin, from the input to the output."""
    front = [tuple(f"conv{i}/" for i in range(len(network.conv)))] if network.conv else []
    return [*front, *((f"layer{i}/", f"norm{i}/") for i in range(network.layers)), ("output/",)]


def rates(names: Iterable[str], network: Network, freeze: int, layer_rate: float) -> dict[str, float]:
    """How fast each weight learns: 1 at the output, `layer_rate` times as fast a stage below it, 0 where frozen.

    Raises ConfigError where there are no more stages than are to be frozen.
    """
    found = stages(network)
    if freeze >= len(found):
        expected = f"at most {len(found) - 1}: the output must learn"
        raise ConfigError("--freeze", f"{freeze} of {len(found)} stages", expected)
    scale = [0.0 if i < freeze else layer_rate ** (len(found) - 1 - i) for i in range(len(found))]
    return {name: next(s for s, begins in zip(scale, found, strict=True) if name.startswith(begins)) for name in names}


def tune_config(base: ModelFolder, finetune: Finetune, n_train: int, overrides: Sequence[str] = ()) -> Config:
    """The config of a fine-tuning: the base's, with a training that suits `n_train` samples. Raises ConfigError."""
    for override in overrides:
        key = override.partition("=")[0].strip()
        if not any(key == given or key.startswith(f"{given}.") for given in _ADJUSTABLE):
            expected = f"one of {', '.join(_ADJUSTABLE)}"
            raise ConfigError("--set", f"{key!r} is the base model's and stays", expected)
    table = base.config.model_dump()
    table["finetune"] = finetune.model_dump()
    table["training"] = training_options(n_train, base.config.training.seed)
    own = f"fine-tuned on {n_train - finetune.replay:,} other samples"
    table["card"] |= {"data": "; ".join(filter(None, (base.config.card.data, own))), "split": ""}
    return Config.parse(overridden(table, overrides), "the fine-tuning")


def training_options(n_train: int, seed: int) -> dict[str, object]:
    """`[training]` for so many samples."""
    epochs = _SHOWN / n_train if n_train < _FEW else _EPOCHS[0] * (_MANY / max(_MANY, n_train)) ** 0.5
    epochs = int(np.clip(round(epochs), _EPOCHS[1], _EPOCHS[2]))
    return {
        "epochs": epochs, "learning_rate": 1e-3, "warmup": 30, "decay": "cosine",
        "patience": epochs, "buckets": 8, "seed": seed,
    }  # fmt: skip


def batch_frames(n_frames: np.ndarray) -> int:
    """Padded frames per batch for samples of `n_frames` (N,): batches of few samples where data are few."""
    wanted = max(int(n_frames.sum()) // _UPDATES, int(_ROWS * n_frames.mean()))
    return int(max(min(_MOST_FRAMES, wanted), n_frames.max()))


def check_domain(base: ModelFolder, samples: Sequence[Sample], where: str) -> None:
    """Refuse data of another kind than the model reads. Raises DataError."""
    reads = base.extractor.domain
    kinds = Counter(_domain(sample) for sample in samples)
    fits = {reads, "ink"} if reads == "image" else {reads}
    strange = {kind: count for kind, count in kinds.items() if kind and kind not in fits}
    if sum(strange.values()) * 2 > len(samples):
        kind = max(strange, key=strange.__getitem__)
        raise DataError(
            where, f"holds {kind} ({strange[kind]} of {len(samples)} samples), but {base.path} reads {reads}",
            f"{' or '.join(sorted(fits))}", f"choose a model that was trained on {kind}",
        )  # fmt: skip


def check_text(path: str) -> None:
    """That a file has text for a language model. Raises DataError."""
    if not any(text.strip() for text in texts_of([path], io.BytesIO(), lambda error: None)):
        raise DataError(path, "holds no text", "UTF-8 text, a line or sentence a line", "leave --text out without one")


def check_old(base: ModelFolder, manifest: Path) -> None:
    """Refuse, before anything is made, a training or dev set that cannot be the base's. Raises DataError."""
    samples = Manifest(manifest, lambda error: None)[:_LOOKED_AT]
    if not samples:
        raise DataError(manifest, "holds no samples", "a manifest that the base model was trained or measured on")
    check_domain(base, samples, str(manifest))


def _domain(sample: Sample) -> str | None:
    if sample.path is None:
        return "ink"
    suffix = sample.path.suffix.lower()
    return next((domain for domain in ("sound", "image") if suffix in SUFFIXES[domain]), None)


def own_parts(sources: Sequence[Path], on_error: OnError, leave_out: Path | None = None) -> tuple[Split, list[str]]:
    """Train and dev of one's own data, and why each source is read as it is; a folder `leave_out` is not looked at.

    A source's own train and dev stay; whatever else is no test set is split. Raises DataError.
    """
    parts: dict[str, list[Sample]] = {"train": [], "dev": []}
    whole: list[Sample] = []
    reasons = []
    taken: set[str] = set()
    for source in {source.resolve(): source for source in sources}.values():
        name, sign = recognise(source, leave_out)
        found, official = gather(name, sign.root, on_error)
        reasons.append(f"{source} is read as {name}, because it {sign.why}")
        used = {part: samples for part, samples in found.parts.items() if part != "test" or not official}
        if found.parts and not used:
            on_error(
                DataError(source, "holds a test set alone", "samples to learn from, which those of a test set are not")
            )
        own = {part: [_told_apart(sample, source, taken) for sample in samples] for part, samples in used.items()}
        taken.update(sample.id for samples in own.values() for sample in samples)
        if official and len(own) == 2:
            for part, samples in own.items():
                parts[part] += samples
        else:
            whole += [sample for samples in own.values() for sample in samples]
    parts["train"] += [sample for sample in whole if not sample.text]  # for `check` to name
    whole = [sample for sample in whole if sample.text]
    more = split(whole, shares(len(whole)))
    return Split({part: parts[part] + more.parts.get(part, []) for part in parts}, more.note), reasons


def _told_apart(sample: Sample, source: Path, taken: Set[str]) -> Sample:
    """The sample, with its source in its id where another source has that id."""
    return replace(sample, id=f"{source}/{sample.id}") if sample.id in taken else sample


def shares(count: int) -> Shares:
    """Of train and dev for so many samples of one's own; there is no test part."""
    dev = 0.2 if count < 200 else 0.1
    return 1 - dev, dev, 0.0


def check(base: ModelFolder, material: Material, where: str, left_out: Callable[[Finding], None]) -> Report:
    """Check the material and leave out what has errors, each told. Raises DataError where nothing is left."""
    n_out, form = base.config.network.n_out, base.alphabet.form
    manifests = [material.path(part) for part in ("train", "dev")]
    report = checking.check(manifests, base.extractor, None, n_out, form=form)
    for error in report.errors:
        left_out(error)
    clean = {path: list(report.clean(path)) for path in report.samples}
    counts = [len(samples) for samples in clean.values()]
    if not all(counts):
        came = "leaves {} samples to train on and {} for dev".format(*counts)
        raise DataError(where, came, "one or more of each", "some 20 lines of different texts are enough to begin with")
    material.write({path.stem: samples for path, samples in clean.items()})
    return report


def mix(base: ModelFolder, old: Path, material: Material, how: How, on_error: OnError) -> int:
    """Mix samples of the base's training set in; returns how many have characters that are dropped.

    As many as there are new ones, drawn at random. Raises DataError where there is none.
    """
    alphabet = _alphabet(base, material.train, how)
    manifest = Manifest(old, on_error)
    fit = [i for i, sample in enumerate(manifest) if sample.text and not unknown(sample.text, alphabet)]
    if not fit:
        raise DataError(old, f"has no sample of {len(manifest)} within the alphabet", "the base's training set")
    rng = np.random.default_rng(base.config.training.seed)
    chosen = np.sort(rng.permutation(fit)[: round(_REPLAYED * len(material.train))])
    material.write({"mixed": chain(material.train, (manifest[int(i)] for i in chosen))})
    return len(manifest) - len(fit)


def unknown(text: str, alphabet: Alphabet) -> set[str]:
    """Symbols of the text that are not in the alphabet."""
    return set(graphemes(alphabet.normalize(text))) - set(alphabet.symbols)


def keep_decoding(base: ModelFolder, folder: ModelFolder, lm: LanguageModel | None) -> None:
    """Give a model the base's weights of decoding and calibration, and a language model."""
    parts: dict[str, bytes | None] = {"lm.bin": None if lm is None else binary.to_bytes(lm)}
    if base.has("decoding.json"):
        settings = base.settings.model_copy(update={"measured": {}})  # which are of the base's dev
        parts["decoding.json"] = settings.model_dump_json(indent=1).encode()
    put_parts(folder, parts)


def unseen(alphabet: Alphabet, samples: Iterable[Sample]) -> tuple[str, ...]:
    """The symbols that none of the samples holds: the model is not trained to read them."""
    seen = set(Alphabet.of((sample.text or "" for sample in samples), alphabet.form).symbols)
    return tuple(symbol for symbol in alphabet.symbols if symbol not in seen)
