"""Options that several commands share; imported with them, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click import option

Command = Callable[..., Any]

_FILE = click.Path(dir_okay=False, path_type=Path)
_READING = (
    option("--lm", metavar="LM", help="Language model: `default`, the one in MODEL, or an ARPA or .bin file."),
    option("--lexicon", type=_FILE, help="A word a line: other words are less likely."),
    option("--closed", is_flag=True, help="With --lexicon: other words do not come at all."),
    option("--hotword", "hotwords", multiple=True, metavar="TEXT[=W]", help="Expect a word or phrase, by W nats."),
    option("--beam", type=click.IntRange(1, 100_000), help="Width of the beam.  [default: as tuned; without LM 1]"),
    option("--lm-weight", type=click.FloatRange(0), help="[default: as tuned]"),
    option("--char-bonus", type=float, help="Nats for each character.  [default: as tuned]"),
    option("--word-bonus", type=float, help="Nats for each word.  [default: as tuned]"),
)


def reading_options(command: Command) -> Command:
    """How log-probabilities are read, as in reader.Decoding."""
    for add in reversed(_READING):
        command = add(command)
    return command
