"""A report in a few lines: the first findings of each kind, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator

from seqrec.checking.report import Finding, Report

_SHOWN = 5  # findings of a kind in a manifest that are told one by one


def told(report: Report) -> Iterator[str]:
    """The findings manifest by manifest, errors first, the rest of a kind as a count.

    What all samples of a manifest have is told once.
    """
    kinds: dict[tuple[str, str, str], list[Finding]] = {}
    manifests = [str(path) for path in report.samples]
    for finding in report.findings:
        manifest = finding.where if finding.place is not None else _manifest_of(finding.where, manifests)
        kinds.setdefault((manifest, finding.severity, finding.kind), []).append(finding)
    order = {manifest: number for number, manifest in enumerate(manifests)}
    counts = {str(path): count for path, count in report.samples.items()}
    for key in sorted(kinds, key=lambda key: (order.get(key[0], len(order)), key[1] != "error")):
        yield from _kind(kinds[key], *key, counts.get(key[0], 0))


def _manifest_of(where: str, manifests: list[str]) -> str:
    """The manifest that a line "train.jsonl:7" is of."""
    return next((name for name in manifests if where == name or where.startswith(f"{name}:")), where)


def _kind(found: list[Finding], manifest: str, severity: str, kind: str, samples: int) -> Iterator[str]:
    places = {finding.place for finding in found} - {None}
    if samples > _SHOWN and len(places) == samples:
        first = found[0]
        yield f"{manifest}: all {samples:,} samples: {severity} ({kind}): {first.sample_id}: {first.message}"
        return
    shown = _SHOWN if len(found) > _SHOWN + 1 else len(found)
    yield from map(str, found[:shown])
    if rest := len(found) - shown:
        yield f"{manifest}: and {rest:,} more {severity}s ({kind})"
