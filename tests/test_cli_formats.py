"""`seqrec decode` in formats of one document a file: subtitles of sounds, and pages that come back filled."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seqrec.cli.main import main
from seqrec.corpora import alto
from seqrec.decoding import Failure, Hypothesis, Span
from seqrec.decoding.align import align
from seqrec.errors import SeqrecError
from seqrec.inputs import Document
from seqrec.samples import Sample
from seqrec.writers import srt
from seqrec.writers._documents import Documents, written
from tests.models import beeps, image_model, line, sound_model
from tests.test_sound_writers import read_srt, read_textgrid

WORDS = {"one": ["badge", "cab"], "sub/two": ["face"]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    image_model(folder / "letters")
    sound_model(folder / "sound")
    align(np.zeros((2, 2), np.float32), [1])  # which compiles it, where that was not done before, and is said
    return folder


@pytest.fixture
def letters(models: Path) -> str:
    return str(models / "letters")


@pytest.fixture
def sound(models: Path) -> str:
    return str(models / "sound")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two pages below `scans`, and two sounds below `talks`."""
    monkeypatch.chdir(tmp_path)
    for name, words in WORDS.items():
        path = Path("scans") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        page = np.full((20 * len(words), 40), 255, np.uint8)
        lines = ""
        for number, word in enumerate(words):
            cut = line(word)
            page[20 * number : 20 * number + 8, 5 : 5 + cut.shape[1]] = cut
            box = f'HPOS="5" VPOS="{20 * number}" WIDTH="{cut.shape[1]}" HEIGHT="8"'
            lines += f'<TextLine ID="l{number}" {box}><String CONTENT="?"/></TextLine>'
        Image.fromarray(page).save(path.with_suffix(".png"))
        path.with_suffix(".xml").write_text(f'<alto><Layout><Page ID="p">{lines}</Page></Layout></alto>')
    Path("talks").mkdir()
    for name, count in (("a", 2), ("b", 1)):
        soundfile.write(f"talks/{name}.wav", beeps(count), 8000)
    return tmp_path


def run(*args: object, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert "Traceback" not in result.output
    return result


def texts(file: str) -> list[str | None]:
    """Of the lines of an ALTO file, whose image lies below scans."""
    Path("scans/read.xml").write_text(Path(file).read_text())
    Path("scans/read.png").write_bytes(Path("scans/one.png").read_bytes())
    return [sample.text for sample in alto.read("scans/read.xml")]


# Pages


def test_a_page_is_read_line_by_line(place: Path, letters: str) -> None:
    found = run("decode", letters, "scans/one.xml")
    assert (found.exit_code, found.stdout) == (0, "one_l0\tbadge\none_l1\tcab\n")
    assert run("decode", letters, "scans").stdout == "one_l0\tbadge\none_l1\tcab\nsub_two_l0\tface\n"


def test_a_page_comes_back_filled(place: Path, letters: str) -> None:
    found = run("decode", letters, "scans/one.xml", "--format", "alto")
    assert (found.exit_code, found.stderr) == (0, "")
    Path("stdout.xml").write_text(found.stdout)
    assert texts("stdout.xml") == ["badge", "cab"]
    assert 'CONTENT="cab" WC="0.' in found.stdout
    assert run("decode", letters, "scans/one.xml", "-o", "new.hocr").exit_code == 0
    assert ">badge</span>" in Path("new.hocr").read_text()
    assert run("decode", letters, "scans/one.xml", "--format", "alto", "-o", "new.xml").exit_code == 0
    assert Path("new.xml").read_text() == found.stdout


def test_pages_of_a_folder_keep_their_places(place: Path, letters: str) -> None:
    found = run("decode", letters, "scans", "--format", "alto", "-o", "out")
    assert (found.exit_code, found.output) == (0, "")
    assert sorted(path.as_posix() for path in Path("out").rglob("*.*")) == ["out/one.xml", "out/sub/two.xml"]
    assert texts("out/sub/two.xml") == ["face"]


def test_what_is_no_page_is_named_and_the_pages_done(place: Path, letters: str) -> None:
    Path("scans/broken.xml").write_text("<alto>")
    given = ["scans/one.png", "scans/broken.xml", "scans/sub/two.xml", "-"]
    found = run("decode", letters, *given, "--format", "alto", "-o", "out", stdin="none.xml\n")
    assert found.exit_code == 1
    image, broken, none = found.stderr.splitlines()
    assert image == (
        "seqrec: scans/one.png: cannot be written as alto; expected a file of ALTO. Give the XML file of the page"
    )
    assert broken.startswith("seqrec: scans/broken.xml: is not complete XML")
    assert none.startswith("seqrec: none.xml: does not exist")
    assert [path.name for path in Path("out").iterdir()] == ["two.xml"]


def test_a_line_that_fails_keeps_what_it_had(place: Path, letters: str) -> None:
    text = Path("scans/one.xml").read_text().replace('HPOS="5" VPOS="0"', 'HPOS="500" VPOS="0"')
    Path("scans/one.xml").write_text(text)
    found = run("decode", letters, "scans/one.xml", "--format", "alto", "-o", "new.xml")
    assert found.exit_code == 1
    assert "outside of the image" in found.stderr
    assert Path("new.xml").read_text().count('<String CONTENT="?"/>') == 1
    assert '<String CONTENT="cab"' in Path("new.xml").read_text()


@pytest.mark.parametrize("given", [["scans", "-o", "scans"], ["scans/one.xml", "-o", "scans/one.xml"]])
def test_an_input_is_never_overwritten(place: Path, letters: str, given: list[str]) -> None:
    before = Path("scans/one.xml").read_text()
    found = run("decode", letters, *given, "--format", "alto")
    assert found.exit_code == 1
    assert "seqrec: scans/one.xml: is the input itself. Choose another place with -o" in found.stderr
    assert Path("scans/one.xml").read_text() == before


# Sounds


def test_subtitles_of_a_sound(place: Path, sound: str) -> None:
    assert run("decode", sound, "talks/a.wav", "-o", "a.srt").exit_code == 0
    [(start, end, said)] = read_srt(Path("a.srt").read_text())
    assert said == "xx"
    assert start == pytest.approx(100, abs=50)
    assert end >= 1000
    found = run("decode", sound, "talks", "--format", "textgrid", "-o", "grids")
    assert (found.exit_code, found.output) == (0, "")
    assert sorted(path.name for path in Path("grids").iterdir()) == ["a.TextGrid", "b.TextGrid"]
    end, tiers = read_textgrid(Path("grids/a.TextGrid").read_text())
    assert end == pytest.approx(0.5)
    assert [text for *_, text in tiers["words"] if text] == ["xx"]
    assert [text for *_, text in tiers["chars"] if text] == ["x", "x"]


def test_parts_of_a_sound_make_one_file(place: Path, sound: str) -> None:
    rows = [
        {"id": "late", "path": "talks/a.wav", "start": 0.25, "end": 0.5},
        {"id": "early", "path": "talks/a.wav", "start": 0.0, "end": 0.25},
        {"id": "b", "path": "talks/b.wav"},
        {"id": "again", "path": "talks/a.wav"},
    ]
    Path("m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = run("decode", sound, "m.jsonl", "--format", "srt", "-o", "out")
    assert found.exit_code == 1
    assert found.stderr.startswith("seqrec: talks/a.wav: comes again")
    first, second = read_srt(Path("out/talks/a.srt").read_text())
    assert (first[2], second[2]) == ("x", "x")
    assert 0 < first[0] < 250 <= second[0]
    assert len(read_srt(Path("out/talks/b.srt").read_text())) == 1


def test_a_sound_that_is_given_twice_is_not_written_twice_into_one_file(place: Path, sound: str) -> None:
    found = run("decode", sound, "talks/a.wav", "talks/a.wav", "talks/b.wav", "--format", "srt", "-o", "out")
    assert found.exit_code == 1
    assert found.stderr.startswith("seqrec: talks/a.wav: comes again")
    assert [path.name for path in Path("out").iterdir()] == ["b.srt"]


def test_ctm_of_many_sounds_is_one_file(place: Path, sound: str) -> None:
    found = run("decode", sound, "talks", "--format", "ctm")
    rows = [row.split(" ") for row in found.stdout.splitlines()]
    assert [(row[0], row[4]) for row in rows] == [("talks/a.wav", "xx"), ("talks/b.wav", "x")]


def test_a_sound_that_cannot_be_read_makes_no_file(place: Path, sound: str) -> None:
    Path("talks/c.wav").write_bytes(b"no sound")
    found = run("decode", sound, "talks", "--format", "vtt", "-o", "out")
    assert found.exit_code == 1
    assert "talks/c.wav" in found.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.vtt", "b.vtt"]


# Usage


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["talks/a.wav", "talks/b.wav", "--format", "srt"], "srt makes a file for each input. Name a folder with -o"),
        (["talks", "-o", "m.srt"], "srt makes a file for each input"),
        (["talks", "--format", "srt"], "Name a folder with -o"),
        (
            ["talks", "--format", "alto", "-o", "out"],
            "alto is no format for a model of sound; expected a model of image",
        ),
        (["talks", "--format", "vtt", "-o", "out", "--review"], "vtt has no place for --review"),
        (["talks", "--format", "csv", "-o", "talks"], "talks is a folder. Name a file with -o"),
        (["talks/a.wav", "-o", "x.xml"], "x.xml may become alto or page. Say which with --format"),
        (["talks/a.wav", "--format", "strt"], "unknown name 'strt'"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_decoded(place: Path, sound: str, args: list[str], said: str) -> None:
    Path("m.srt").write_text("")
    found = run("decode", sound, *args)
    assert found.exit_code == 2
    assert said in " ".join(found.stderr.split())
    assert found.stdout == ""
    assert not Path("out").exists()


def test_the_format_is_that_of_the_files_name(place: Path, sound: str) -> None:
    for name, begin in (("x.csv", "id,text"), ("x.vtt", "WEBVTT"), ("x.TextGrid", "File type"), ("x.txt", "xx")):
        assert run("decode", sound, "talks/a.wav", "-o", name).exit_code == 0
        assert Path(name).read_text().startswith(begin)


# The way back from results to documents

A, B = Document(Path("a/x.wav"), Path("a")), Document(Path("b/y.wav"), Path("b"))


@given(st.lists(st.sampled_from([A, B, None])), st.integers(1, 5))
def test_every_result_finds_its_document(documents: list[Document | None], ahead: int) -> None:
    """Whatever a recogniser reads ahead, results come in the order of samples."""
    samples = [Sample(f"{number}", path=Path("x")) for number in range(len(documents))]
    between = Documents(zip(documents, samples, strict=True), srt)

    def recognised():
        waiting = []
        for sample in between.samples():
            is_failure = isinstance(sample, Failure)
            waiting.append(sample if is_failure else Hypothesis(sample.id, "", 1.0))
            if len(waiting) > ahead:
                yield waiting.pop(0)
        yield from waiting

    found = list(between.of(recognised()))
    assert [document for document, _ in found] == documents
    assert [result.id for _, result in found] == [sample.id for sample in samples]
    assert [isinstance(result, Failure) for _, result in found] == [document is None for document in documents]


def test_a_document_that_fails_does_not_stop_the_others() -> None:
    placeless = Hypothesis("p", "x", 1.0, words=(Span("x", 1.0),))
    good = Hypothesis("g", "x", 1.0, words=(Span("x", 1.0, 0.0, 1.0),))
    (first, error), (second, text) = written(iter([(A, placeless), (B, good)]), srt)
    assert (first, second) == (A, B)
    assert isinstance(error, SeqrecError)
    assert isinstance(text, str)
    assert read_srt(io.StringIO(text).read()) == [(0, 1000, "x")]


def test_a_page_of_another_format_is_named_once(place: Path, letters: str) -> None:
    found = run("decode", letters, "scans/one.xml", "--format", "page")
    assert (found.exit_code, found.stdout) == (1, "")
    said = "seqrec: scans/one.xml: cannot be written as page; expected a file of PAGE. Take --format alto\n"
    assert found.stderr == said


@pytest.mark.parametrize("options", [[], ["--beam", "4"], ["--positions"], ["--nbest", "2", "--positions"]])
def test_a_sound_of_no_length_has_an_empty_text(place: Path, sound: str, options: list[str]) -> None:
    soundfile.write("none.wav", np.zeros(0), 8000)
    done = run("decode", sound, "none.wav", "talks/a.wav", "--format", "jsonl", *options)
    assert done.exit_code == 0
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["id"], first["text"], first["confidence"]) == ("none.wav", "", 1.0)
    assert second["text"]


@pytest.mark.parametrize("form", ["text", "csv", "ctm", "srt", "vtt", "textgrid"])
def test_a_sound_of_no_length_in_each_format(place: Path, sound: str, form: str) -> None:
    soundfile.write("none.wav", np.zeros(0), 8000)
    assert run("decode", sound, "none.wav", "--format", form).exit_code == 0


def test_a_name_that_ends_in_a_slash_is_a_folder(tmp_path):
    model, sound = sound_model(tmp_path / "m"), tmp_path / "x.wav"
    soundfile.write(sound, beeps(2), 8000)
    found = run("decode", model, sound, "--format", "srt", "-o", f"{tmp_path}/new/subtitles/")
    assert found.exit_code == 0, found.output
    assert [path.name for path in (tmp_path / "new" / "subtitles").iterdir()] == ["x.srt"]
    found = run("decode", model, sound, "-o", f"{tmp_path}/other/")
    assert found.exit_code == 2
    assert "is a folder. Name a file with -o" in found.output
    found = run("decode", model, sound, "--format", "srt", "-o", f"{sound}/")
    assert found.exit_code == 2
    assert "cannot be made a folder" in found.output
