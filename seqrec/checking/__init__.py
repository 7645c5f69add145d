"""Checking manifests before anything is trained on them: every bad sample by name, and why.

    kind        what is wrong                                                          severity
    manifest    a manifest, or a line of it, that cannot be read                       error
    id          an id that came before; in another manifest a warning                  error
    text        no text, or an empty one                                               error
    control     control characters or broken Unicode; what is not seen is a warning    error
    lookalike   letters of scripts that look alike within a word                       warning
    form        a text in another Unicode form than the others, or in none             warning
    alphabet    characters outside of the given alphabet                               error
    unseen      characters of another manifest that train does not have                warning
    rare        characters that few samples of train have                              warning
    region      an end that is not after the start                                     error
    signal      missing, unreadable, empty, of another domain, or region outside of it error
    silent      a sound in which nothing changes; one with nothing but noise a warning error
    clipped     a sound that is cut at its highest and lowest values                   warning
    rate        another sampling rate than nearly all others                           warning
    blank       an image without contrast; one with nothing but noise a warning        error
    inverted    light writing where it is dark in nearly all other images, or dark     warning
    pages       an image file of several pages, of which the first is read             warning
    stroke      ink without points, or with one for several letters; else a warning    error
    short       fewer frames than CTC needs for the text (Graves 2006)                 error
    outlier     a signal far too long or too short for its text, or far too long       warning
    duplicate   the signal of a sample that came before in the same manifest           warning
    leak        a signal of another manifest; of its text and group a warning          error
    mislabelled a model reads another text, and far more surely (seqrec.mislabelled)   warning

Manifests are read a piece at a time, by as many processes as there are cores. Kept of each sample are
its id, digests of signal and text, and a few numbers: some hundred bytes. Of a signal in several
manifests, the copy in test stays rather than that in dev, and that rather than in train.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from seqrec.alphabet import Alphabet, Form
from seqrec.checking.comparing import PARTS, Comparing, part_of
from seqrec.checking.looking import Looker, look_at
from seqrec.checking.report import Finding, Problem, Report, clean_targets, write_clean
from seqrec.checking.texts import label_problems
from seqrec.errors import DataError
from seqrec.features import Extractor

__all__ = ["KINDS", "Finding", "Problem", "Report", "check", "clean_targets", "label_problems", "write_clean"]

KINDS = (
    "manifest", "id", "text", "control", "lookalike", "form", "alphabet", "unseen", "rare", "region", "signal",
    "silent", "clipped", "rate", "blank", "inverted", "pages", "stroke", "short", "outlier", "duplicate", "leak",
    "mislabelled",
)  # fmt: skip


def check(
    manifests: Iterable[Path],
    extractor: Extractor | None = None,
    alphabet: Alphabet | None = None,
    n_out: Callable[[int], int] | None = None,
    *,
    form: Form = "NFC",
    jobs: int | None = None,
    on_sample: Callable[[], None] | None = None,
) -> Report:
    """Check manifests together, each once however it is named.

    With an extractor every sample's frames are computed, and their number after the network's
    subsampling, `n_out`, is held against its text; without, signals are opened by their suffix. Without
    an alphabet, the characters of each manifest are held against those of train. `form` is the Unicode
    form to count characters in, if no alphabet says so; `jobs` are the processes, one per core where
    nothing is said; `on_sample` is called after each sample.
    """
    firsts: dict[Path, Path] = {}
    for path in manifests:
        firsts.setdefault(path.resolve(), path)
    given = list(firsts.values())
    paths = sorted(given, key=lambda path: PARTS.index(part_of(path)))
    comparing, tick = Comparing(paths, n_out), on_sample or (lambda: None)

    def note(path: Path, error: DataError) -> None:
        comparing.sheets[path].note_line(0, error.where, str(error).removeprefix(f"{error.where}: "))

    looker = Looker(extractor, alphabet, alphabet.form if alphabet else form)
    for path, looked in look_at(paths, looker, jobs, note):
        comparing.add(path, looked)
        for _ in looked.seen:
            tick()
    comparing.close(unseen=alphabet is None)
    sheets = [comparing.sheets[path] for path in given]
    findings = (finding for sheet in sheets for finding in sheet.findings)
    return Report(tuple(findings), {sheet.path: len(sheet.ids) for sheet in sheets})
