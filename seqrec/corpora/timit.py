"""TIMIT: {train,test}/dr*/{speaker}/{sentence}.wav (NIST SPHERE) with .wrd, .txt and .phn; --unit phones reads these.

Described in README.DOC of the corpus (LDC93S1; Garofolo et al. 1993); names in capitals or not. The text is,
by `unit`, "words": those of .wrd, in small letters without punctuation; "text": the sentence of .txt; "phones":
those of .phn, all 61 with silences and closures as they are, a space between, so that WER is the phone error
rate. Folding them to 48 or 39 is left to whoever scores. The group is the speaker.

The two dialect sentences (SA1, SA2), which every speaker reads, are left out, as is custom. Official split:
TRAIN (462 speakers); the core test set of the corpus' TESTSET.DOC (24 speakers, 192 sentences); dev is the 50
further speakers of TEST that Halberstadt (1998) chose and most have used since. The other 94 speakers of TEST,
who partly read sentences of the core test set, are in no part; `--split` shares out all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from seqrec.corpora import NoSplit
from seqrec.corpora._source import Sign, Source
from seqrec.corpora._speech import first_time, lines, sounds, walk
from seqrec.errors import ConfigError, DataError, SeqrecError
from seqrec.samples import OnError, Sample, raise_error

_SUFFIXES = {"words": ".wrd", "text": ".txt", "phones": ".phn"}
_SENTENCE = re.compile(r"s[aix][0-9]+")
_LAYOUT = "a folder with {train,test}/dr1/{speaker}/{sentence}.wav, .wrd, .txt and .phn"
_CORE = """
    mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0
    mbpm0 mklt0 fnlp0 mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0
"""
_DEV = """
    faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0 fedw0 mgjf0
    mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 mdls0 mdlf0 mdvc0 mers0 fmah0 fdrw0
    mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0 fmml0 mrws1
"""
_PART_IN_TEST = {**dict.fromkeys(_CORE.split(), "test"), **dict.fromkeys(_DEV.split(), "dev")}


def read(source: Path, on_error: OnError, *, unit: str = "words") -> Iterator[Sample]:
    """Samples in the order of folders. Raises DataError when the source is no folder, ConfigError for a wrong unit."""
    suffix, found, seen = _suffix(unit), False, set[str]()
    for folder, names in _speakers(source, on_error):
        found = True
        yield from _sentences(folder, names, suffix, on_error, seen)
    if not found:
        on_error(DataError(source, "holds no sentences", _LAYOUT))


def splits(source: Path, on_error: OnError, *, unit: str = "words") -> Iterator[tuple[str, Sample]]:
    """The samples that are in a part. Raises NoSplit where no folder is named train or test."""
    suffix, errors = _suffix(unit), list[SeqrecError]()
    speakers = [(_part(folder), folder, names) for folder, names in _speakers(source, errors.append)]
    parts = {part for part, _, _ in speakers}
    if parts <= {None}:
        raise NoSplit(source, "has no split", "folders named train and test")
    for error in errors:
        on_error(error)
    if parts <= {None, "train", "rest"} and "rest" in parts:
        came = "has none of the speakers of the core test set or of dev in its folder test"
        on_error(DataError(source, came, "speakers such as mdab0", "use --split"))
    seen: set[str] = set()
    for part, folder, names in speakers:
        if part is None:
            on_error(DataError(folder, "is neither in train nor in test", _LAYOUT))
        elif part != "rest":
            yield from ((part, sample) for sample in _sentences(folder, names, suffix, on_error, seen))


def signs(source: Source) -> Sign | None:
    for file in source.with_suffix(".phn", ".wrd"):
        if _SENTENCE.fullmatch(file.stem.lower()):
            return Sign(3, f"holds sentences such as {file}", source.path)
    return None


def _suffix(unit: str) -> str:
    if unit not in _SUFFIXES:
        raise ConfigError("--unit", f"{unit!r:.40}", f"one of {', '.join(_SUFFIXES)}")
    return _SUFFIXES[unit]


def _speakers(source: Path, on_error: OnError) -> Iterator[tuple[Path, list[str]]]:
    """The folders that hold sentences, with their files."""
    for folder, names in walk(source, on_error, _LAYOUT):
        if any(_SENTENCE.fullmatch(_stem(name)) and not name.lower().endswith(".txt") for name in names):
            yield folder, names


def _part(folder: Path) -> str | None:
    """Its part; "rest" for the speakers of TEST who are in none; None where no folder tells."""
    for name in os.path.abspath(folder).lower().split(os.sep)[-3:]:  # {train}/{dr1}/{speaker}
        if name == "train":
            return "train"
        if name == "test":
            return _PART_IN_TEST.get(_speaker(folder), "rest")
    return None


def _speaker(folder: Path) -> str:
    return Path(os.path.abspath(folder)).name.lower().rpartition("-")[2]  # dr1-fvmh0 in the sample that NLTK has


def _stem(name: str) -> str:
    return name.lower().partition(".")[0]  # SA1.WAV.wav is what conversions leave beside SA1.WAV


def _sentences(folder: Path, names: list[str], suffix: str, on_error: OnError, seen: set[str]) -> Iterator[Sample]:
    labels = {_stem(name): folder / name for name in names if name.lower().endswith(suffix)}
    there = {_stem(name): path for name, path in reversed(sounds(folder, names).items())}
    speaker = _speaker(folder)
    for stem in sorted(labels.keys() | there.keys()):
        if not _SENTENCE.fullmatch(stem) or stem.startswith("sa"):
            continue
        try:
            if stem not in there:
                raise DataError(labels[stem], "has no sound", f"{stem}.wav beside it")
            if stem not in labels:
                raise DataError(there[stem], "has no text", f"{stem}{suffix} beside it")
            text = _text(labels[stem], whole=suffix == ".txt")
            name = first_time(f"{speaker}_{stem}", str(there[stem]), seen)
            yield Sample(id=name, text=text, path=there[stem], group=speaker)
        except DataError as error:
            on_error(error)


def _text(path: Path, whole: bool) -> str:
    """The labels of a file, each line of which is {first sample} {end} {label}. Raises DataError."""
    labels: list[str] = []
    for where, line in lines(path, raise_error):
        cells = line.split(maxsplit=2)
        if len(cells) != 3 or not (cells[0].isdecimal() and cells[1].isdecimal()):
            raise DataError(where, f"{line!r:.60}", "{first sample} {end} {label}")
        labels.append(cells[2].strip())
    if not labels or (whole and len(labels) > 1):
        raise DataError(path, f"holds {len(labels)} labels", "one line" if whole else "one or more")
    return " ".join(labels)
