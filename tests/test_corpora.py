"""What every reader of seqrec/corpora promises, on a small source of its format and on broken ones."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqrec import corpora
from seqrec.corpora._source import Source
from seqrec.corpora.auto import recognise
from seqrec.errors import ConfigError, SeqrecError
from seqrec.options import names_in
from seqrec.samples import Sample, raise_error, read_manifest, to_row, write_manifest
from seqrec.splits import PARTS
from tests import speech

NAMES = names_in("seqrec.corpora")


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(80), 8000)
    return path


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (60, 20), 255).save(path)
    return path


def fsdd(folder: Path) -> Path:
    for index in (0, 5, 10):
        sound(folder / "recordings" / f"7_theo_{index}.wav")
    return folder


def manifest(folder: Path) -> Path:
    for part in PARTS:
        row = {"id": part, "text": "hello", "strokes": [[[0, 0], [1, 1]]]}
        (folder / f"{part}.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def table(folder: Path) -> Path:
    sound(folder / "a.wav")
    sound(folder / "b.wav")
    (folder / "t.csv").write_text("path,text,speaker,split\na.wav,hello,x,train\nb.wav,you,y,test\n")
    return folder / "t.csv"


def pairs(folder: Path) -> Path:
    image(folder / "x" / "a.png")
    (folder / "x" / "a.gt.txt").write_text("hello\n")
    sound(folder / "y" / "b.wav")
    (folder / "y" / "b.txt").write_text("you")
    return folder


def ink(folder: Path) -> Path:
    rows = [
        {"id": part, "label": "hi", "writer": "w", "split": part, "strokes": [[0, 0, 3, 4], [5, 5, 6, 7]]}
        for part in PARTS
    ]
    (folder / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "words.jsonl"


def unipen(folder: Path) -> Path:
    (folder / "a.dat").write_text(
        ".VERSION 1.0\n.COORD X Y\n.HIERARCHY WORD\n.X_POINTS_PER_INCH 100\n.Y_POINTS_PER_INCH 100\n"
        '.SEGMENT WORD 0-1 GOOD "hi"\n.SEGMENT WORD 2 GOOD "a"\n'
        ".PEN_DOWN\n0 0\n3 4\n.PEN_UP\n.PEN_DOWN\n5 5\n6 7\n.PEN_UP\n.PEN_DOWN\n9 9\n8 8\n.PEN_UP\n"
    )
    return folder


def alto(folder: Path) -> Path:
    image(folder / "page.png")
    lines = "".join(
        f'<TextLine ID="l{n}" HPOS="2" VPOS="2" WIDTH="50" HEIGHT="9"><String CONTENT="word{n}"/></TextLine>'
        for n in (1, 2)
    )
    (folder / "page.xml").write_text(
        '<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description><MeasurementUnit>pixel</MeasurementUnit>'
        "<sourceImageInformation><fileName>page.png</fileName></sourceImageInformation></Description>"
        f'<Layout><Page WIDTH="60" HEIGHT="20"><PrintSpace><TextBlock>{lines}</TextBlock></PrintSpace></Page></Layout>'
        "</alto>"
    )
    return folder


def page(folder: Path) -> Path:
    image(folder / "page.png")
    lines = "".join(
        f'<TextLine id="l{n}"><Coords points="2,2 52,2 52,11"/>'
        f"<TextEquiv><Unicode>word{n}</Unicode></TextEquiv></TextLine>"
        for n in (1, 2)
    )
    (folder / "page.xml").write_text(
        '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
        f'<Page imageFilename="page.png"><TextRegion>{lines}</TextRegion></Page></PcGts>'
    )
    return folder


def auto(folder: Path) -> Path:
    """A table, its columns named in another language, two folders down."""
    place = folder / "meine" / "Aufnahmen"
    sound(place / "a.wav")
    sound(place / "b.wav")
    (place / "liste.csv").write_text("Datei;Inhalt;Split\na.wav;hallo;train\nb.wav;du;test\n")
    return folder


def iam(folder: Path) -> Path:
    """Two forms, the writer of one known, in the sets of the task."""
    rows = [
        "a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop",
        "a01-000u-01 err 156 19 395 932 1850 105 Mr.|Gaitskell|.",
        "b02-013-00 ok 160 5 1 2 3 4 of|another",
    ]
    (folder / "ascii").mkdir(parents=True)
    (folder / "ascii" / "lines.txt").write_text("#--- lines.txt ---#\n#\n" + "\n".join(rows) + "\n")
    (folder / "ascii" / "forms.txt").write_text("# head\na01-000u 000 2 prt 7 5 52 36\n")
    (folder / "task").mkdir()
    (folder / "task" / "trainset.txt").write_text("a01-000u-00\na01-000u-01\n")
    (folder / "task" / "testset.txt").write_text("b02-013-00\n")
    for row in rows:
        form = row.split()[0].rpartition("-")[0]
        image(folder / "lines" / form[:3] / form / f"{row.split()[0]}.png")
    return folder


def labels(folder: Path) -> Path:
    """One checked row, one changed, one that nobody has looked at."""
    rows = [{"id": id, "path": sound(folder / f"{id}.wav").name} for id in "abc"]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "labels.tsv").write_text("id\ttext\tchecked\tread\na\thello\tyes\thello\nb\tyou\t\tyew\nc\tno\t\tno\n")
    return folder


def inkml(folder: Path) -> Path:
    for part in ("train", "valid"):
        (folder / f"{part}.inkml").write_text(
            f'<ink xmlns="http://www.w3.org/2003/InkML"><annotation type="split">{part}</annotation>'
            '<annotation type="writer">w</annotation><annotation type="truth">hi</annotation>'
            "<trace>1 2,'3'4,\"1*</trace><trace>5 5,6 7</trace></ink>"
        )
    return folder


def iam_ondb(folder: Path) -> Path:
    place = folder / "lineStrokes-all" / "lineStrokes" / "a01" / "a01-000"
    place.mkdir(parents=True)
    point = '<Point x="{}" y="5" time="769.05"/>'
    for number in (1, 2):
        (place / f"a01-000u-0{number}.xml").write_text(
            '<?xml version="1.0" encoding="ISO-8859-1"?><WhiteboardCaptureSession><WhiteboardDescription/><StrokeSet>'
            f'<Stroke colour="black">{point.format(1)}{point.format(9)}</Stroke></StrokeSet></WhiteboardCaptureSession>'
        )
    texts = folder / "ascii-all" / "ascii" / "a01" / "a01-000"
    texts.mkdir(parents=True)
    (texts / "a01-000u.txt").write_text("OCR:\n\nA move\n\nCSR: \n\nA MOVE to\nstop Mr.\n")
    for name, form in (("trainset", ""), ("testset_v", ""), ("testset_t", "a01-000u\n"), ("testset_f", "")):
        (folder / f"{name}.txt").write_text(form)
    return folder


SOURCES: dict[str, Callable[[Path], Path]] = {
    "alto": alto, "auto": auto, "commonvoice": speech.commonvoice, "fsdd": fsdd, "iam": iam, "ink": ink,
    "iam_ondb": iam_ondb, "inkml": inkml,
    "kaldi": speech.kaldi, "labels": labels, "librispeech": speech.librispeech, "ljspeech": speech.ljspeech,
    "manifest": manifest, "nemo": speech.nemo, "page": page, "pairs": pairs, "table": table,
    "textgrid": speech.textgrid, "timit": speech.timit, "unipen": unipen,
}  # fmt: skip


def test_every_reader_has_a_source_here() -> None:
    assert set(NAMES) <= set(SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_is_described_and_typed(name: str) -> None:
    module = corpora.reader(name)
    first = (module.__doc__ or "").partition("\n")[0]
    assert 10 < len(first) <= 118
    assert corpora.descriptions()[name] == first
    for function in (module.read, *([module.splits] if hasattr(module, "splits") else [])):
        assert list(inspect.signature(function).parameters)[:2] == ["source", "on_error"]


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_complete_and_always_the_same(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](tmp_path)
    read = list(corpora.reader(name).read(source, raise_error))
    assert len(read) >= 2
    assert len({sample.id for sample in read}) == len(read)
    for sample in read:
        assert isinstance(sample, Sample)
        assert sample.id
        assert sample.text
        assert (sample.path is None) != (sample.strokes is None)
        assert sample.path is None or sample.path.is_file()
    rows = [to_row(sample, tmp_path) for sample in read]
    assert rows == [to_row(sample, tmp_path) for sample in corpora.reader(name).read(source, raise_error)]


@pytest.mark.parametrize("name", NAMES)
def test_samples_survive_a_manifest_elsewhere(name: str, tmp_path: Path) -> None:
    read = list(corpora.reader(name).read(SOURCES[name](tmp_path), raise_error))
    out = tmp_path / "out" / "deep"
    write_manifest(out / "m.jsonl", read)
    again = list(read_manifest(out / "m.jsonl"))
    assert [to_row(sample, out) for sample in again] == [to_row(sample, out) for sample in read]
    assert all(sample.path is None or sample.path.is_file() for sample in again)


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(corpora.reader(name), "splits")])
def test_an_official_split_holds_the_same_samples(name: str, tmp_path: Path) -> None:
    module, source = corpora.reader(name), SOURCES[name](tmp_path)
    found = list(module.splits(source, raise_error))
    assert {part for part, _ in found} <= set(PARTS)
    rows = [to_row(sample, tmp_path) for _, sample in found]
    assert rows == [to_row(sample, tmp_path) for sample in module.read(source, raise_error)]


def broken_sources(folder: Path, source: Path) -> Iterator[Path]:
    yield folder / "does-not-exist"
    (folder / "empty").mkdir()
    yield folder / "empty"
    suffix = source.suffix or ".dat"
    contents = {
        "nothing": b"",
        "noise": np.random.default_rng(1).bytes(4000),
        "zeros": bytes(4000),
        "latin": "é;ü\tö\n".encode("latin-1"),
        "utf16": "path\ttext\n".encode("utf-16"),
        "deep": b"[" * 100_000,
        "one long line": b"x" * (3 << 20),
    }
    for name, content in contents.items():
        (folder / f"{name}{suffix}").write_bytes(content)
        yield folder / f"{name}{suffix}"
    yield folder


@pytest.mark.parametrize("name", NAMES)
def test_broken_sources_give_nothing_but_errors_of_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    good = SOURCES[name](tmp_path / "good")
    for source in broken_sources(tmp_path / "bad", good):
        errors: list[SeqrecError] = []
        try:
            found = list(corpora.reader(name).read(source, errors.append))
        except SeqrecError as error:
            found = []
            errors.append(error)
        assert found == []
        assert errors, f"{source.name} passed in silence"
        for error in errors:
            assert "\n" not in str(error)
            assert len(str(error)) < 2000
            assert str(source) in str(error)


RECOGNISED = [name for name in NAMES if name != "auto"]


@pytest.mark.parametrize("name", RECOGNISED)
def test_a_source_is_recognised_and_read_as_by_its_own_reader(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](tmp_path)
    found, sign = recognise(source)
    assert found == name
    assert sign.root.exists()
    assert len(sign.why) < 300
    assert sign.why[0].islower()
    own, any_format = corpora.reader(name), corpora.reader("auto")
    rows = [to_row(sample, tmp_path) for sample in own.read(source, raise_error)]
    assert [to_row(sample, tmp_path) for sample in any_format.read(source, raise_error)] == rows
    if not hasattr(own, "splits"):
        with pytest.raises(corpora.NoSplit):
            any_format.splits(source, raise_error)
        return
    parts = [(part, to_row(sample, tmp_path)) for part, sample in own.splits(source, raise_error)]
    assert [(part, to_row(sample, tmp_path)) for part, sample in any_format.splits(source, raise_error)] == parts


@pytest.mark.parametrize("name", RECOGNISED)
def test_a_corpus_is_found_two_folders_down(name: str, tmp_path: Path) -> None:
    place = tmp_path / "unpacked" / "v1"
    place.mkdir(parents=True)
    source = SOURCES[name](place)
    (tmp_path / "README.txt").write_text("Recorded in 2019.\nSee LICENSE.\n")
    (tmp_path / "unpacked" / "LICENSE").write_text("CC0\n")
    expected = [sample.text for sample in corpora.reader(name).read(source, raise_error)]
    found, sign = recognise(tmp_path)
    assert found == name
    assert sorted(str(s.text) for s in corpora.reader(name).read(sign.root, raise_error)) == sorted(map(str, expected))


@pytest.mark.parametrize("name", RECOGNISED)
def test_signs_of_what_is_no_corpus(name: str, tmp_path: Path) -> None:
    """They are none, or a SeqrecError where it cannot be told."""
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    for source in broken_sources(tmp_path / "bad", SOURCES[name](tmp_path / "good")):
        with suppress(SeqrecError):
            corpora.reader(name).signs(Source(source))


CUT = (".csv", ".dat", ".inkml", ".json", ".jsonl", ".scp", ".textgrid", ".tsv", ".txt", ".wrd", ".xml", ".wav")


@pytest.mark.parametrize("name", NAMES)
def test_a_source_cut_anywhere_is_no_crash(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](tmp_path)
    file = next(path for path in sorted(tmp_path.rglob("*")) if path.suffix.lower() in CUT)
    whole = file.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 40)):
        file.write_bytes(whole[:size])
        errors: list[SeqrecError] = []
        try:
            for sample in corpora.reader(name).read(source, errors.append):
                assert sample.id
        except SeqrecError:
            pass


def test_gather_takes_the_official_split_unless_told_otherwise(tmp_path: Path) -> None:
    (parts, _), official = corpora.gather("fsdd", fsdd(tmp_path), raise_error)
    assert official
    assert {part: [s.id for s in found] for part, found in parts.items()} == {
        "train": ["7_theo_10"],
        "dev": ["7_theo_5"],
        "test": ["7_theo_0"],
    }
    (parts, _), official = corpora.gather("fsdd", tmp_path, raise_error, (0.0, 0.0, 1.0))
    assert not official
    assert [s.id for s in parts["test"]] == ["7_theo_0", "7_theo_5", "7_theo_10"]
    assert list(parts) == ["test"]


def test_gather_shares_out_what_has_no_split_and_tells_mistakes_once(tmp_path: Path) -> None:
    for n in range(9):
        sound(tmp_path / f"{n}.wav")
    (tmp_path / "t.csv").write_text("path,text\nx.wav,none\n" + "".join(f"{n}.wav,t{n}\n" for n in range(9)))
    errors: list[SeqrecError] = []
    (parts, _), official = corpora.gather("table", tmp_path / "t.csv", errors.append)
    assert not official
    assert list(parts) == list(PARTS)
    assert sum(map(len, parts.values())) == 9
    assert len(errors) == 1


def test_gather_leaves_out_names_that_no_manifest_can_hold(tmp_path: Path) -> None:
    good = sound(tmp_path / "recordings" / "1_theo_10.wav")
    good.rename(tmp_path / "recordings" / "1_th\udce9o_10.wav")
    sound(tmp_path / "recordings" / "2_theo_10.wav")
    errors: list[SeqrecError] = []
    (parts, _), _ = corpora.gather("fsdd", tmp_path, errors.append)
    assert [sample.id for sample in parts["train"]] == ["2_theo_10"]
    assert len(errors) == 1
    assert str(errors[0]).endswith("is not UTF-8; expected UTF-8 names and texts. Rename it")


def test_an_unknown_format() -> None:
    with pytest.raises(ConfigError, match=r"FORMAT: unknown name 'tabel'.* Did you mean 'table'"):
        corpora.reader("tabel")


def test_a_folder_of_other_manifests_has_no_split(tmp_path: Path) -> None:
    for name in ("b", "a"):
        row = {"id": name, "text": "x", "strokes": [[[0, 0]]]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    module = corpora.reader("manifest")
    assert [sample.id for sample in module.read(tmp_path, raise_error)] == ["a", "b"]
    for source in (tmp_path, tmp_path / "a.jsonl"):
        with pytest.raises(corpora.NoSplit, match="has no split of its own"):
            list(module.splits(source, raise_error))


def test_beside_an_official_split_other_manifests_are_not_read(tmp_path: Path) -> None:
    (manifest(tmp_path) / "rejected.jsonl").write_text("{}")
    assert [sample.id for sample in corpora.reader("manifest").read(tmp_path, raise_error)] == list(PARTS)
