"""The page of a check: what was found, by kind, each sample seen, heard or drawn. No scripts, no foreign parts."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from seqrec.checking import Finding, Report
from seqrec.errors import DataError
from seqrec.files import atomic
from seqrec.report.embedded import embedded
from seqrec.samples import Sample, read_manifest
from seqrec.writers import visible

_BYTES = 24 << 20  # of pictures and sounds; samples after that are linked to
_LONGEST = 400  # characters of a text that are shown
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin-bottom: 1.5rem } td, th { padding: .2rem 1rem .2rem 0; text-align: left }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
article { border-top: 1px solid #ddd; padding: .6rem 0; overflow-wrap: anywhere }
img { max-width: 100%; min-height: 1rem; background: #fff; border: 1px solid #ccc; vertical-align: middle }
svg { max-width: 100%; vertical-align: middle } audio { height: 2rem; vertical-align: middle }
.text { font-size: 1.15rem; white-space: pre-wrap } .error { color: #a00 } .warning { color: #850 }
small { color: #666 } h2 { margin: 2.5rem 0 .5rem }
"""

_Place = tuple[str, int]  # manifest, and a sample's place in it


def write_check_page(path: Path, report: Report, most: int = 200) -> None:
    """Write the page: of each kind of finding the first `most`. The manifests are read again.

    Pictures and sounds are embedded, so that the page can be sent to somebody, up to 24 MB; the links to the
    files themselves are relative. Raises DataError where the page cannot be written.
    """
    by_kind = _by_kind(report)
    shown = [finding for findings in by_kind.values() for finding in findings[:most]]
    samples = _samples(report, {(each.where, each.place) for each in shown if each.place is not None})
    with atomic(path) as out:
        for part in _html(report, by_kind, samples, most, path.parent):
            out.write(part + "\n")


def _by_kind(report: Report) -> dict[str, list[Finding]]:
    """Kinds with errors first, then by how many there are."""
    grave = {finding.kind for finding in report.errors}
    found: dict[str, list[Finding]] = {kind: [] for kind in sorted(report.summary, key=lambda kind: kind not in grave)}
    for finding in report.findings:
        found[finding.kind].append(finding)
    return found


def _samples(report: Report, wanted: set[_Place]) -> dict[_Place, Sample]:
    found = {}
    for manifest in report.samples:
        last = max((place for where, place in wanted if where == str(manifest)), default=-1)
        if last < 0:
            continue
        try:
            for place, sample in enumerate(read_manifest(manifest, lambda error: None)):
                if (str(manifest), place) in wanted:
                    found[str(manifest), place] = sample
                if place == last:
                    break
        except DataError:  # gone since it was checked
            continue
    return found


def _html(
    report: Report, by_kind: dict[str, list[Finding]], samples: dict[_Place, Sample], most: int, folder: Path
) -> Iterator[str]:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; media-src data:; form-action 'none'"
    yield "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>"
    yield f'<meta http-equiv=Content-Security-Policy content="{policy}">'
    yield "<meta name=viewport content='width=device-width'>\n<title>seqrec check</title>"
    yield f"<style>{_STYLE}</style>\n<h1>What was found</h1>"
    yield from _manifests(report)
    yield from _summary(by_kind)
    room = _BYTES
    for kind, findings in by_kind.items():
        yield f"<section>\n<h2 id='{escape(kind)}'>{escape(kind)} <small>{len(findings):,}</small></h2>"
        for (where, place, _), group in groupby(findings[:most], key=lambda f: (f.where, f.place, f.sample_id)):
            sample = None if place is None else samples.get((where, place))
            signal = embedded(sample) if sample is not None and room > 0 else ""
            room -= len(signal)
            yield _article(list(group), sample, signal, folder)
        if len(findings) > most:
            yield f"<p>These are the first {most:,} of {len(findings):,}; seqrec check --json prints all of them."
        yield "</section>"


def _manifests(report: Report) -> Iterator[str]:
    yield "<table>\n<tr><th>manifest<th class=n>samples<th class=n>rejected"
    for path, count in report.samples.items():
        yield f"<tr><td>{_shown(str(path))}<td class=n>{count:,}<td class=n>{len(report.rejected[path]):,}"
    yield "</table>"


def _summary(by_kind: dict[str, list[Finding]]) -> Iterator[str]:
    if not by_kind:
        yield "<p>Nothing was found."
        return
    yield "<table>\n<tr><th>finding<th class=n>errors<th class=n>warnings"
    for kind, findings in by_kind.items():
        errors = sum(finding.severity == "error" for finding in findings)
        counts = f"<td class=n>{errors:,}<td class=n>{len(findings) - errors:,}"
        yield f"<tr><td><a href='#{escape(quote(kind))}'>{escape(kind)}</a>{counts}"
    yield "</table>"


def _article(findings: list[Finding], sample: Sample | None, signal: str, folder: Path) -> str:
    """A sample, or what is no sample, with what was found in it."""
    first = findings[0]
    parts = [f"<article>{signal}"]
    if sample is not None:
        text = _shown(sample.text) if sample.text else "<small>no text</small>"
        parts.append(f"<div class=text><bdi>{text}</bdi></div>")
    for finding in findings:
        parts.append(f"<div><span class={finding.severity}>{finding.severity}</span>: {_shown(finding.message)}</div>")
    parts.append("<small>" + " &middot; ".join(_source(first, sample, folder)) + "</small></article>")
    return "\n".join(parts)


def _source(finding: Finding, sample: Sample | None, folder: Path) -> Iterable[str]:
    if finding.sample_id is not None:
        yield _shown(finding.sample_id)
    yield _shown(finding.where)
    if sample is not None and sample.path is not None:
        yield f"<a href='{_link(sample.path, folder)}'>{_shown(sample.path.name)}</a>"
        if sample.start or sample.end is not None:
            yield f"{sample.start or 0:g} to {'the end' if sample.end is None else f'{sample.end:g}'} s"


def _shown(text: str) -> str:
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 4] + " ..."
    return escape(visible(text))


def _link(path: Path, folder: Path) -> str:
    """A path as a URL relative to the page: a colon in it makes no scheme."""
    try:
        relative = Path(os.path.relpath(os.path.realpath(path), os.path.realpath(folder)))
    except ValueError:  # on another drive
        return escape(path.absolute().as_uri())
    return quote(os.fsencode(relative.as_posix()), safe="/")
