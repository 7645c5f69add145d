"""`seqrec prepare`"""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seqrec.samples import Sample
    from seqrec.splits import By


class _WithFormats(click.Command):
    """Lists the formats, which takes importing them, only when help is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from seqrec.corpora import descriptions

        with formatter.section("Formats"):
            formatter.write_dl(list(descriptions().items()))


@click.command(cls=_WithFormats, short_help="Turn a corpus into train, dev and test manifests.")
@click.argument("name", required=False, metavar="[FORMAT]")
@click.argument("source", required=False, metavar="SOURCE")
@click.option(
    "-o",
    "--out",
    default="data",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.",
)
@click.option(
    "--split", "ratio", metavar="A/B/C", help="Split by this ratio.  [default: the official split, or 80/10/10]"
)
@click.option(
    "--by",
    type=click.Choice(["group", "id", "text"]),
    default="group",
    show_default=True,
    help="Kept together by --split.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of --split.")
@click.option("--path-column", metavar="NAME", help="Of a table.  [default: a common name, or where files are named]")
@click.option("--text-column", metavar="NAME", help="Of a table.  [default: a common name, or what is left]")
@click.option(
    "--level", metavar="NAME", help="Of unipen (WORD, CHARACTER, ...) and inkml (group, file).  [default: WORD; group]"
)
@click.option("--tier", metavar="NAME", help="Of textgrid, a name or pattern.  [default: sentences or words]")
@click.option("--unit", metavar="NAME", help="Of timit: words, text or phones.  [default: words]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    name: str | None,
    source: str | None,
    out: Path,
    ratio: str | None,
    by: By,
    seed: int,
    as_json: bool,
    **own: str | None,
) -> None:
    """Read the corpus SOURCE, a folder or file laid out as FORMAT says, and
    write train.jsonl, dev.jsonl and test.jsonl. Without FORMAT (or with auto)
    it is recognised, and stderr says what as and why.

    \b
    seqrec prepare recordings/
    seqrec prepare fsdd free-spoken-digit-dataset/ -o data
    seqrec prepare table lines.tsv -o data --split 80/10/10 --by group
    seqrec prepare pairs scans/ -o data --split 0/0/100

    The split is the corpus' own where it has one; with --split, samples of one
    group (speaker, writer) stay in one part where there are 5 groups or more,
    and mostly keep it when the data grow; of fewer groups equal texts do. The
    ratio is met the better the more groups there are. What cannot be read is
    named on stderr, the rest is done, and the exit code is 1.
    """
    from seqrec.corpora import gather
    from seqrec.errors import ConfigError, SeqrecError
    from seqrec.samples import write_manifest
    from seqrec.splits import PARTS, parse_ratio
    from seqrec.writers import visible

    if name is None:
        raise click.UsageError("Missing argument 'SOURCE'.")
    errors = 0

    def complain(error: SeqrecError) -> None:
        nonlocal errors
        errors += 1
        click.echo(visible(f"seqrec: {error}"), err=True)

    options = {key: value for key, value in own.items() if value}
    try:
        shares = parse_ratio(ratio) if ratio else None
        name, corpus = _corpus(name, source, out, options)
        _check_targets(name, corpus, {part: out / f"{part}.jsonl" for part in PARTS})
        (parts, note), official = gather(name, corpus, complain, shares, by, seed, **options)
    except ConfigError as error:
        raise click.UsageError(visible(str(error))) from None
    _check_leftovers(out, parts)
    for part, samples in parts.items():
        write_manifest(out / f"{part}.jsonl", samples)
    rows = {part: _counts(samples) for part, samples in parts.items()}
    if as_json:
        how = "official" if official else "ratio"
        click.echo(json.dumps({"format": name, "split": how, "note": note, "parts": rows, "errors": errors}))
    else:
        _say(rows, out, "the official split" if official else f"split {ratio or '80/10/10'} by {by}", note)
    if not parts:
        click.echo(visible(f"seqrec: {corpus}: gave no sample, nothing is written"), err=True)
    ctx.exit(1 if errors or not parts else 0)


def _corpus(name: str, source: str | None, out: Path, options: dict[str, str]) -> tuple[str, Path]:
    """The format and where its corpus is; it is said what is recognised. Raises SeqrecError."""
    from seqrec.corpora import reader
    from seqrec.corpora.auto import recognise
    from seqrec.errors import ConfigError
    from seqrec.options import names_in
    from seqrec.writers import visible

    if source is None:
        name, source = "auto", name
    reader(name)
    if not os.path.exists(source):
        mend = f"name it: seqrec prepare {source} SOURCE" if source in names_in("seqrec.corpora") else ""
        raise ConfigError(source or "SOURCE ''", "does not exist", "a folder or a file", mend)
    corpus = Path(source)
    if name == "auto" and {"path_column", "text_column"} & options.keys():
        name = "table"
    elif name == "auto":
        name, sign = recognise(corpus, out)
        corpus = sign.root
        click.echo(visible(f"{source} is read as {name}, because it {sign.why}"), err=True)
    known = list(inspect.signature(reader(name).read).parameters)[2:]
    for key in sorted(options.keys() - set(known)):
        expected = f"one of its own: {', '.join(map(_option, known))}" if known else "none, as it has none"
        raise ConfigError(_option(key), f"is no option of {name}", expected)
    return name, corpus


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _check_targets(name: str, source: Path, targets: dict[str, Path]) -> None:
    """The source is never changed, and manifests in it would be read in its place the next time."""
    from seqrec.corpora.manifest import manifests
    from seqrec.errors import ConfigError

    sources = {path.resolve() for path in (manifests(source) if name == "manifest" else [source])}
    for target in targets.values():
        if target.resolve() in sources or (name != "manifest" and target.parent.resolve() in sources):
            raise ConfigError(target, "is a source", "another folder", "choose one with -o")


def _check_leftovers(out: Path, parts: dict[str, list[Sample]]) -> None:
    """A test set of an earlier run beside a new train set would share samples with it."""
    from seqrec.errors import DataError
    from seqrec.splits import PARTS

    for part in PARTS:
        left = out / f"{part}.jsonl"
        if parts and part not in parts and left.exists():
            raise DataError(
                left, "is left from an earlier run and has no successor", "", "remove it or choose another -o"
            )


def _counts(samples: list[Sample]) -> dict[str, int]:
    return {
        "samples": len(samples),
        "groups": len({sample.group for sample in samples if sample.group is not None}),
        "characters": sum(len(sample.text or "") for sample in samples),
        "points": sum(len(stroke) for sample in samples for stroke in sample.strokes or ()),
    }


def _say(rows: dict[str, dict[str, int]], out: Path, how: str, note: str) -> None:
    total = sum(row["samples"] for row in rows.values())
    for part, row in rows.items():
        said = [f"{row['samples']:7} samples {row['samples'] / total:4.0%}"]
        counted = ((row[key], key) for key in ("groups", "characters", "points"))
        said += [f"{count} {key if count > 1 else key[:-1]}" for count, key in counted if count]
        click.echo(f"{str(out / part) + '.jsonl':{len(str(out)) + 12}}  {', '.join(said)}")
    if rows:
        click.echo(how)
        if note:
            click.echo(note)
