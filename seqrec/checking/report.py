"""What has been found in manifests, and the manifests without what was bad in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from seqrec.errors import ConfigError, DataError
from seqrec.files import atomic
from seqrec.samples import Sample, read_manifest, to_row, write_manifest

Severity = Literal["error", "warning"]

REJECTED = "rejected.jsonl"


class Problem(NamedTuple):
    """What is wrong with a sample, before it is said whose."""

    kind: str
    message: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a sample, a line or a manifest.

    `where` is the manifest, with the line if that is bad; `place` is the sample's among the readable ones of its
    manifest, as in `samples.Manifest`, and None where it is not one sample that is at fault.
    """

    where: str
    sample_id: str | None
    kind: str
    message: str
    severity: Severity
    place: int | None = None

    def __str__(self) -> str:
        sample = "" if self.sample_id is None else f" {self.sample_id}:"
        return f"{self.where}:{sample} {self.severity} ({self.kind}): {self.message}"


@dataclass(frozen=True)
class Report:
    """All findings, manifest by manifest in the order given; `samples` counts the readable lines of each manifest.

    Samples with errors are rejected, and those with warnings of the kinds in `reject`.
    """

    findings: tuple[Finding, ...]
    samples: dict[Path, int]
    reject: frozenset[str] = frozenset()

    def with_findings(self, more: Iterable[Finding]) -> Report:
        """The report with others' findings after its own, in the order in which they come."""
        return replace(self, findings=(*self.findings, *more))

    def rejecting(self, kinds: Iterable[str]) -> Report:
        """The report that speaks against samples with findings of these kinds even where they are warnings."""
        return replace(self, reject=self.reject | set(kinds))

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def summary(self) -> dict[str, int]:
        """Findings by kind, the commonest first."""
        return dict(Counter(finding.kind for finding in self.findings).most_common())

    @cached_property
    def rejected(self) -> dict[Path, dict[int, tuple[Finding, ...]]]:
        """What speaks against using a sample, by manifest and by the sample's place in it."""
        found: dict[str, dict[int, tuple[Finding, ...]]] = {str(path): {} for path in self.samples}
        for finding in self.findings:
            if finding.place is not None and (finding.severity == "error" or finding.kind in self.reject):
                places = found[finding.where]
                places[finding.place] = (*places.get(finding.place, ()), finding)
        return {path: found[str(path)] for path in self.samples}

    def clean(self, manifest: Path) -> Iterator[Sample]:
        """The samples of a checked manifest that are not rejected. The manifest is read again."""
        for place, sample in enumerate(_samples(manifest)):
            if place not in self.rejected[manifest]:
                yield sample


def clean_targets(manifests: Iterable[Path], folder: Path) -> dict[Path, Path]:
    """Where in `folder` each manifest goes without its bad samples.

    Raises ConfigError when a file would replace a checked manifest or another one of the same name.
    """
    sources = {path.resolve(): path for path in manifests}
    names = Counter(path.name for path in sources.values())
    for path in sources.values():
        target = folder / path.name
        if target.resolve() in sources:
            raise ConfigError(target, "is a manifest that was checked", "another folder", "choose one with --fix")
        if path.name == REJECTED or names[path.name] > 1:
            raise ConfigError(path, "shares its name with another file to write", "", "rename it or check it alone")
    return {path: folder / path.name for path in sources.values()}


def write_clean(report: Report, folder: Path) -> dict[str, int]:
    """Write each manifest without its bad samples, and `rejected.jsonl`, into `folder`.

    Returns how many samples each clean file has.

    A rejected sample keeps its row, with the reasons under "rejected"; of a line that could not be
    read only the place is known. Raises ConfigError as `clean_targets` does.
    """
    targets = clean_targets(report.samples, folder)
    counts = {str(target): write_manifest(target, report.clean(path)) for path, target in targets.items()}
    with atomic(folder / REJECTED) as out:
        for row in _rejected_rows(report, folder):
            out.write(json.dumps(row) + "\n")
    return counts


def _rejected_rows(report: Report, folder: Path) -> Iterator[dict[str, Any]]:
    for finding in report.errors:
        if finding.place is None:
            yield {"where": finding.where, "rejected": [f"{finding.kind}: {finding.message}"]}
    for path, rejected in report.rejected.items():
        for place, sample in enumerate(_samples(path)):
            if place in rejected:
                reasons = [f"{finding.kind}: {finding.message}" for finding in rejected[place]]
                yield {**to_row(sample, folder), "where": str(path), "rejected": reasons}


def _samples(manifest: Path) -> Iterator[Sample]:
    """The readable samples of a manifest; what could not be read has been reported."""
    try:
        yield from read_manifest(manifest, lambda error: None)
    except DataError:
        return
