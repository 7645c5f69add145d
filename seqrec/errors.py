"""What can go wrong through no fault of the program, said in one line."""

from __future__ import annotations

from os import PathLike
from typing import Any


class SeqrecError(Exception):
    """A mistake that its maker can mend.

    The message is one line: the place (file, line, sample or key), what came, what was
    expected, and how to mend it.
    """

    def __init__(self, where: str | PathLike[str], came: str, expected: str = "", mend: str = "") -> None:
        self.where, self.came, self.expected, self.mend = str(where), came, expected, mend
        said = f"{self.where}: {came}"
        if expected:
            said += f"; expected {expected}"
        if mend:
            said += f". {mend[0].upper()}{mend[1:]}"
        super().__init__(" ".join(said.split()))

    def __reduce__(self) -> tuple[Any, ...]:
        """An error comes out of a worker process as it is, not made anew from its message alone."""
        return Exception.__new__, (type(self), *self.args), self.__dict__


class DataError(SeqrecError):
    """A file or sample that cannot be used."""


class EmptyError(DataError):
    """A signal of no length: nothing to learn from, though it can be read, as the empty text."""


class ConfigError(SeqrecError):
    """A recipe, option or name that does not exist or does not fit."""


class ModelError(SeqrecError):
    """A model folder that is incomplete, broken or meant for other data."""
