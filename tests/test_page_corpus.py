"""corpora/page.py: lines of PAGE pages. What all formats of pages share is in test_alto.py."""

from pathlib import Path

import pytest
from PIL import Image

from seqrec.corpora import page
from seqrec.errors import DataError

COORDS = '<Coords points="10,20 40,20 40,25"/>'


def _page(lines: str, *, image: str = "p.png", version: str = "2019-07-15", prefix: str = "") -> str:
    space = f"http://schema.primaresearch.org/PAGE/gts/pagecontent/{version}"
    text = (
        f'<PcGts xmlns="{space}"><Metadata><Creator/></Metadata><Page imageFilename="{image}" imageWidth="100" '
        f'imageHeight="50"><TextRegion id="r">{COORDS}{lines}</TextRegion></Page></PcGts>'
    )
    if prefix:
        text = text.replace("</", f"</\0{prefix}:").replace("<", f"<{prefix}:").replace(f"<{prefix}:/\0", "</")
        text = text.replace(" xmlns=", f" xmlns:{prefix}=")
    return text


def _folder(tmp_path: Path, text: str, *, image: str = "p.png") -> Path:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "p.xml").write_text(text, encoding="utf-8")
    Image.new("L", (100, 50), 255).save(tmp_path / image)
    return tmp_path


def _read(source: Path) -> tuple[list, list[str]]:
    errors: list[str] = []
    return list(page.read(source, lambda e: errors.append(str(e)))), errors


def _line(tmp_path: Path, inside: str, **how: str):
    samples, errors = _read(_folder(tmp_path, _page(f'<TextLine id="l1">{COORDS}{inside}</TextLine>', **how)))
    assert errors == []
    return samples[0]


@pytest.mark.parametrize("prefix", ["", "pc"])
def test_a_line_with_polygon_baseline_and_text(tmp_path, prefix):
    inside = '<Baseline points="10,24 40,25"/><TextEquiv><Unicode>deux  mots\n</Unicode></TextEquiv>'
    sample = _line(tmp_path, inside, prefix=prefix)
    assert (sample.id, sample.text, sample.group) == ("p_l1", "deux mots", "p")
    assert sample.path == tmp_path / "p.png"
    assert sample.polygon == ((10, 20), (40, 20), (40, 25))
    assert sample.baseline == ((10, 24), (40, 25))


def test_points_of_older_versions(tmp_path):
    coords = '<Coords><Point x="1" y="2"/><Point x="30" y="2"/><Point x="30" y="9"/></Coords>'
    text = _page(f'<TextLine id="l1">{coords}</TextLine>', version="2010-03-19")
    samples, errors = _read(_folder(tmp_path, text))
    assert errors == []
    assert samples[0].polygon == ((1, 2), (30, 2), (30, 9))
    assert samples[0].baseline is None


FIRST = '<TextEquiv index="1"><Unicode>a</Unicode></TextEquiv>'
WORDS = "".join(f"<Word>{COORDS}<TextEquiv><Unicode>{w}</Unicode></TextEquiv></Word>" for w in ("deux", "", "mots"))


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("", None),
        ("<TextEquiv><Unicode/></TextEquiv>", None),
        ("<TextEquiv><PlainText>x</PlainText></TextEquiv>", None),
        ("<TextEquiv><Unicode>a &amp; b</Unicode></TextEquiv>", "a & b"),
        (WORDS, "deux mots"),
        (f"{WORDS}<TextEquiv><Unicode>une ligne</Unicode></TextEquiv>", "une ligne"),
        (f'<TextEquiv index="2"><Unicode>b</Unicode></TextEquiv>{FIRST}', "a"),
        ('<TextEquiv index="x"><Unicode>a</Unicode></TextEquiv><TextEquiv><Unicode>b</Unicode></TextEquiv>', "a"),
    ],
)
def test_text(tmp_path, inside, text):
    assert _line(tmp_path, inside).text == text


def test_the_image_may_lie_above_but_not_outside(tmp_path):
    folder = _folder(tmp_path / "scans", _page(f'<TextLine id="l1">{COORDS}</TextLine>', image="else/p.png"))
    (folder / "page").mkdir()
    (folder / "p.xml").rename(folder / "page" / "p.xml")
    [sample], errors = _read(folder)
    assert (sample.id, sample.path, errors) == ("page_p_l1", folder / "p.png", [])
    samples, [error] = _read(folder / "page")
    assert samples == []
    assert "'else/p.png' is not there" in error
    assert error.endswith("Put it there, or give the folder that holds both")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('<TextLine id="bad"/>', "no Coords"),
        ('<TextLine id="bad"><Coords/></TextLine>', "numbers"),
        ('<TextLine id="bad"><Coords points="1,2 3,4"/></TextLine>', "4 numbers"),
        ('<TextLine id="bad"><Coords points="1,2 3,x 5,6"/></TextLine>', "expected numbers"),
        ('<TextLine id="bad"><Coords points="1,2 3,nan 5,6"/></TextLine>', "NaN"),
        (f'<TextLine id="bad">{COORDS}<Baseline points="1,2"/></TextLine>', "2 numbers"),
    ],
)
def test_bad_lines_are_named_and_the_others_read(tmp_path, line, said):
    samples, errors = _read(_folder(tmp_path, _page(f'{line}<TextLine id="good">{COORDS}</TextLine>')))
    assert [s.id for s in samples] == ["p_good"]
    assert len(errors) == 1
    assert "p.xml, line bad" in errors[0]
    assert said in errors[0]


def test_alto_is_passed_over_in_a_folder_and_refused_by_name(tmp_path):
    _folder(tmp_path, _page(f'<TextLine id="a">{COORDS}</TextLine>'))
    (tmp_path / "alto.xml").write_text("<alto/>")
    samples, errors = _read(tmp_path)
    assert [s.id for s in samples] == ["p_a"]
    assert errors == []
    with pytest.raises(DataError, match=r"another kind, <alto>; expected PAGE, whose root is <PcGts>"):
        list(page.read(tmp_path / "alto.xml"))
