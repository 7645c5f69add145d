"""corpora/alto.py: lines of ALTO pages."""

from pathlib import Path

import pytest
from PIL import Image

from seqrec.corpora import alto
from seqrec.errors import DataError

BOX = 'HPOS="10" VPOS="20" WIDTH="30" HEIGHT="5"'


def _alto(
    lines: str, *, unit: str = "pixel", image: str = "p.png", page: str = 'WIDTH="100" HEIGHT="50"', version: int = 4
) -> str:
    name = f"<sourceImageInformation><fileName>{image}</fileName></sourceImageInformation>" if image else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><alto xmlns="http://www.loc.gov/standards/alto/ns-v{version}#">'
        f"<Description><MeasurementUnit>{unit}</MeasurementUnit>{name}</Description>"
        f"<Layout><Page {page}><PrintSpace><TextBlock>{lines}</TextBlock></PrintSpace></Page></Layout></alto>"
    )


def _folder(tmp_path: Path, text: str | bytes, *, image: str = "p.png", **info: object) -> Path:
    (tmp_path / "p.xml").write_bytes(text.encode() if isinstance(text, str) else text)
    if image:
        (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (200, 100), 255).save(tmp_path / image, **info)
    return tmp_path


def _read(source: Path) -> tuple[list, list[str]]:
    errors: list[str] = []
    return list(alto.read(source, lambda e: errors.append(str(e)))), errors


def _line(tmp_path: Path, line: str, **how: str):
    samples, errors = _read(_folder(tmp_path, _alto(line, **how)))
    assert errors == []
    return samples[0]


def test_a_line_with_polygon_and_baseline(tmp_path):
    sample = _line(
        tmp_path,
        f'<TextLine ID="l1" BASELINE="10 24 40 25" {BOX}><Shape><Polygon POINTS="10 20 40 20 40 25"/></Shape>'
        '<String CONTENT="deux mots"/></TextLine>',
    )
    assert sample.id == "p_l1"
    assert sample.text == "deux mots"
    assert sample.path == tmp_path / "p.png"
    assert sample.group == "p"
    assert sample.polygon == ((10, 20), (40, 20), (40, 25))
    assert sample.baseline == ((10, 24), (40, 25))


@pytest.mark.parametrize("points", ["10,20 40,20 40,25", "10 20 40 20 40 25", " 10, 20  40, 20\n40, 25 "])
def test_both_forms_of_points(tmp_path, points):
    shape = f'<Shape><Polygon POINTS="{points}"/></Shape>'
    sample = _line(tmp_path, f'<TextLine BASELINE="{points}">{shape}</TextLine>')
    assert sample.polygon == sample.baseline == ((10, 20), (40, 20), (40, 25))


def test_box_and_single_number_baseline_of_older_versions(tmp_path):
    sample = _line(tmp_path, f'<TextLine {BOX} BASELINE="24"/>', version=2)
    assert sample.polygon == ((10, 20), (40, 20), (40, 25), (10, 25))
    assert sample.baseline == ((10, 24), (40, 24))
    assert sample.text is None


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ('<String CONTENT="a"/><SP/><String CONTENT="b"/>', "a b"),
        ('<String CONTENT="a"/><String CONTENT="b"/>', "a b"),
        ('<String CONTENT="l"/><String CONTENT="’un"/><SP/><String CONTENT="b"/>', "l’un b"),
        ('<String CONTENT="inter" SUBS_TYPE="HypPart1" SUBS_CONTENT="international"/><HYP CONTENT="-"/>', "inter-"),
        ('<String CONTENT="inter"/><HYP/>', "inter-"),
        ('<String CONTENT="inter-"/><HYP CONTENT="-"/>', "inter-"),
        ('<String CONTENT="inter"/><HYP CONTENT="\u00ad"/>', "inter-"),
        ('<String CONTENT="inter"/><HYP CONTENT="⸗"/>', "inter⸗"),
        ('<String CONTENT="a &amp; b &lt;&#233;&gt;"/>', "a & b <é>"),
        ('<String CONTENT=""/>', None),
        ("", None),
    ],
)
def test_text(tmp_path, inside, text):
    assert _line(tmp_path, f"<TextLine {BOX}>{inside}</TextLine>").text == text


def test_units_scale_by_the_page_width_or_the_resolution(tmp_path):
    # the image is 200 pixels wide: 1000 units across are 0.2 pixels each
    assert _line(tmp_path, f"<TextLine {BOX}/>", unit="mm10", page='WIDTH="1000"').polygon[0] == (2, 4)
    _folder(tmp_path, _alto(f"<TextLine {BOX}/>", unit="inch1200", page=""), image="p.png", dpi=(300, 300))
    samples, errors = _read(tmp_path)
    assert errors == []
    assert samples[0].polygon[2] == pytest.approx((10, 6.25), rel=1e-3)  # 300 / 1200


def test_unknown_resolution_and_unknown_unit_are_said(tmp_path):
    _, errors = _read(_folder(tmp_path, _alto(f"<TextLine {BOX}/>", unit="mm10", page="")))
    assert len(errors) == 1
    assert "DPI of p.png is unknown" in errors[0]
    _, errors = _read(_folder(tmp_path, _alto(f"<TextLine {BOX}/>", unit="cubit")))
    assert len(errors) == 1
    assert "'cubit'" in errors[0]


def test_image_is_found_by_name_then_by_stem(tmp_path):
    _folder(tmp_path, _alto(f"<TextLine {BOX}/>", image="images/other.tif"), image="images/other.tif")
    assert _read(tmp_path)[0][0].path == tmp_path / "images/other.tif"
    (tmp_path / "p.jpg").write_bytes((tmp_path / "images/other.tif").read_bytes())
    (tmp_path / "p.xml").write_text(_alto(f"<TextLine {BOX}/>", image=""))
    assert _read(tmp_path)[0][0].path == tmp_path / "p.jpg"


@pytest.mark.parametrize(
    "name", ["/etc/secret.png", "../secret.png", "C:\\scans\\secret.png", "a/../../secret.png", "a\0b", 999 * "x"]
)
def test_image_stays_inside_of_the_source(tmp_path, name):
    (tmp_path / "data").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "secret.png")
    folder = _folder(tmp_path / "data", _alto(f"<TextLine {BOX}/>", image=name.replace("\0", "&#32;")), image="")
    samples, errors = _read(folder)
    assert samples == []
    assert len(errors) == 1
    assert "is not there" in errors[0]
    Image.new("L", (9, 9)).save(folder / "secret.png")
    if "secret" in name:
        assert _read(folder)[0][0].path == folder / "secret.png"


def test_ids_are_unique_and_other_xml_is_passed_over(tmp_path):
    _folder(tmp_path, _alto(f'<TextLine ID="a" {BOX}/><TextLine ID="a" {BOX}/><TextLine {BOX}/>'))
    (tmp_path / "sub").mkdir()
    _folder(tmp_path / "sub", _alto(f'<TextLine ID="a" {BOX}/>'))
    (tmp_path / "page.xml").write_text("<PcGts/>")
    samples, errors = _read(tmp_path)
    assert errors == []
    assert [s.id for s in samples] == ["p_a", "p_a_2", "p_line3", "sub_p_a"]
    assert [s.id for s in _read(tmp_path / "p.xml")[0]] == ["p_a", "p_a_2", "p_line3"]
    with pytest.raises(DataError, match="another kind, <PcGts>"):
        list(alto.read(tmp_path / "page.xml"))


BOMB = b'<!DOCTYPE alto [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><alto>&b;</alto>'
OUTSIDE = b'<!DOCTYPE alto [<!ENTITY a SYSTEM "file:///etc/passwd">]><alto>&a;</alto>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not complete XML"),
        (b"not xml", "not complete XML"),
        (_alto("<TextLine/>").encode()[:-20], "not complete XML"),
        (b'<?xml version="1.0" encoding="nonesuch"?><alto/>', "not complete XML"),
        (_alto("<TextLine/>").replace("TextLine", "Texté").encode("latin-1"), "not complete XML"),
        (BOMB, "declares entities"),
        (OUTSIDE, "declares entities"),
        (b"<alto/>", "has no Page"),
    ],
)
def test_bad_files_are_named_and_the_others_read(tmp_path, content, said):
    _folder(tmp_path, _alto(f'<TextLine ID="a" {BOX}/>'))
    (tmp_path / "bad.xml").write_bytes(content)
    samples, errors = _read(tmp_path)
    assert [s.id for s in samples] == ["p_a"]
    assert len(errors) == 1
    assert errors[0].startswith(str(tmp_path / "bad.xml"))
    assert said in errors[0]
    assert "\n" not in errors[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('<TextLine ID="bad"/>', "neither a polygon nor a box"),
        ('<TextLine ID="bad" HPOS="1" VPOS="2" WIDTH="x" HEIGHT="3"/>', "WIDTH is 'x'"),
        ('<TextLine ID="bad" HPOS="1" VPOS="2" WIDTH="nan" HEIGHT="3"/>', "NaN"),
        ('<TextLine ID="bad"><Shape><Polygon POINTS="1 2 3 4 5"/></Shape></TextLine>', "5 numbers"),
        ('<TextLine ID="bad"><Shape><Polygon POINTS=""/></Shape></TextLine>', "POINTS is ''"),
        (f'<TextLine ID="bad" {BOX} BASELINE="1 2 3"/>', "3 numbers"),
    ],
)
def test_bad_lines_are_named_and_the_others_read(tmp_path, line, said):
    samples, errors = _read(_folder(tmp_path, _alto(f'{line}<TextLine ID="good" {BOX}/>')))
    assert [s.id for s in samples] == ["p_good"]
    assert len(errors) == 1
    assert "p.xml, line bad" in errors[0]
    assert said in errors[0]


def test_a_second_page_and_missing_sources_are_said(tmp_path):
    text = _alto(f"<TextLine {BOX}/>").replace("</Layout>", f"<Page><TextLine {BOX}/></Page></Layout>")
    samples, errors = _read(_folder(tmp_path, text))
    assert len(samples) == 1
    assert len(errors) == 1
    assert "2 pages" in errors[0]
    with pytest.raises(DataError, match="does not exist"):
        list(alto.read(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    assert "no XML file" in _read(tmp_path / "empty")[1][0]
