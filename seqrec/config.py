"""The recipe's tables as typed, strict models. TOML in, JSON snapshot (`config.json`) out."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from seqrec.errors import ConfigError
from seqrec.options import Options

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Conv(Options):
    """One convolution of the front end for `columns`, 'same' padded, then max-pooling."""

    filters: Count
    kernel: tuple[Count, Count] = (3, 3)  # time, height
    pool: tuple[Count, Count] = (1, 1)  # time, height


class Network(Options):
    """The stack: [convolutions] -> frame stacking -> layers -> dense output."""

    cell: Literal["lstm", "gru", "rnn", "dense"] = "lstm"
    layers: Count = 3
    units: Count = 128  # per direction
    conv: tuple[Conv, ...] = ()
    stack: Count = 1  # neighbouring frames joined into one before the first layer
    subsample: tuple[Count, ...] = ()  # frames joined after each layer, e.g. [2, 2]
    context: Count = 9  # window in frames of `cell = "dense"`, odd
    layer_norm: bool = False
    dropout: Share = 0.2  # between the layers
    input_dropout: Share = 0.0

    @field_validator("subsample")
    @classmethod
    def _after_a_layer(cls, subsample: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if len(subsample) > info.data.get("layers", len(subsample)):
            raise PydanticCustomError("many", "at most one number per layer")
        return subsample

    @field_validator("context")
    @classmethod
    def _has_a_middle(cls, context: int) -> int:
        if context % 2 == 0:
            raise PydanticCustomError("even", "an odd number of frames")
        return context

    @property
    def factor(self) -> int:
        """Input frames per output frame."""
        pools = (conv.pool[0] for conv in self.conv)
        return math.prod((*pools, self.stack, *self.subsample))

    def n_out(self, n_frames: int) -> int:
        """Output frames for a sample of `n_frames`."""
        return -(-n_frames // self.factor)


class Training(Options):
    epochs: Count = 40
    minutes: Annotated[float, Field(gt=0)] | None = None  # stop after this, with the best model so far
    batch_frames: Count | None = None  # padded frames per batch, at most; found where it is not said
    buckets: Count = 24  # lengths to which samples are padded
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    warmup: Annotated[int, Field(ge=0)] = 200  # steps of linear warm-up
    decay: Literal["cosine", "constant"] = "cosine"  # to zero over all epochs
    clip: Annotated[float, Field(gt=0)] = 1.0  # global gradient norm
    patience: Count = 20  # epochs without a better dev CER before stopping
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1


class Augment(Options):
    """Signals are augmented when frames are computed, into `copies` stored versions; frames at each use."""

    copies: Annotated[int, Field(ge=0)] = 0  # augmented versions beside the plain one, used in turn
    signal: dict[str, Any] = Field(default_factory=dict)  # options of seqrec/augment/<domain>.py
    frames: dict[str, Any] = Field(default_factory=dict)  # options of seqrec/augment/frames.py

    @field_validator("signal")
    @classmethod
    def _ramps_need_copies(cls, signal: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        ramps = [name for name, value in signal.items() if isinstance(value, dict) and "ramp" in value]
        if ramps and info.data.get("copies") == 1:
            raise PydanticCustomError("ramp", "copies = 2 or more for a ramp: one before it, one after it")
        return signal


class Text(Options):
    form: Literal["NFC", "NFD", "NFKC", "NFKD"] = "NFC"


class Tuning(Options):
    """The language model that the model folder carries: trained on the training texts, tuned on dev."""

    lm: Literal["char", "word", "none"] = "char"
    order: Annotated[int, Field(ge=1, le=8)] | None = None  # of the n-grams; 6 for characters, 3 for words
    beam: Count = 32


class Card(Options):
    """What the model's card says of the data; free text."""

    data: str = ""
    licence: str = ""
    attribution: str = ""
    split: str = ""


class Finetune(Options):
    """What a fine-tuned model came from, and how; written by `seqrec finetune`, not by hand."""

    base: str  # the name of the model that it began as
    digest: str  # SHA-256 of that model's network
    alphabet: Literal["union", "new"] = "union"  # the base's symbols and those of the new texts, or these alone
    freeze: Annotated[int, Field(ge=0)] = 0  # stages, from the input on, that learn nothing
    layer_rate: Annotated[float, Field(gt=0, le=1)] = 1.0  # how fast a layer learns, as a share of the one above
    replay: Annotated[int, Field(ge=0)] = 0  # samples of the base's training set among the new ones


class Config(Options):
    """A whole recipe: what `recipe.toml` holds and `config.json` keeps."""

    features: dict[str, Any]  # kind, and the options of seqrec/features/<kind>.py
    prepare: dict[str, Any] = Field(default_factory=dict)  # handed to the recipe's prepare.py as it is
    text: Text = Text()
    augment: Augment = Augment()
    network: Network = Network()
    training: Training = Training()
    decoding: Tuning = Tuning()
    card: Card = Card()
    finetune: Finetune | None = None


def read_config(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """A Config from TOML, with `table.key=value` overrides (value in TOML). Raises ConfigError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(path, f"cannot be read ({error.strerror})", "a recipe in TOML") from None
    except UnicodeDecodeError:
        raise ConfigError(path, "is not UTF-8", "a recipe in TOML") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists within lists without end
        raise ConfigError(path, f"is not TOML ({error})", "a recipe in TOML") from None
    config = Config.parse(overridden(table, overrides), str(path))
    kind = config.features.get("kind")
    if isinstance(kind, str) and kind.endswith(".py"):  # the user's own file, relative to the recipe
        features = config.features | {"kind": str((path.parent / kind).resolve())}
        config = config.model_copy(update={"features": features})
    noise = config.augment.signal.get("noise_folder")
    if isinstance(noise, str):
        signal = config.augment.signal | {"noise_folder": str((path.parent / noise).resolve())}
        config = config.model_copy(update={"augment": config.augment.model_copy(update={"signal": signal})})
    return config


def overridden(table: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The table, in which each "table.key=value" (value in TOML) is set. Raises ConfigError."""
    for override in overrides:
        _override(table, override)
    return table


def _override(table: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or len(parts) < 2 or not all(parts):
        raise ConfigError("--set", f"{override!r}", "table.key=value", "for instance --set training.epochs=5")
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError("--set", f"{override!r}: {part!r} is not a table")
    try:
        table[parts[-1]] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        table[parts[-1]] = value
    except (ValueError, RecursionError) as error:
        raise ConfigError("--set", f"{override!r:.60} ({error})", "a value in TOML") from None


def config_from_json(text: str, where: str) -> Config:
    """The Config of a model folder's `config.json`. Raises ConfigError."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(where, "is not JSON", "the config.json of a model folder") from None
    if not isinstance(table, dict):
        raise ConfigError(where, "is not a JSON object", "the config.json of a model folder")
    return Config.parse(table, where)
