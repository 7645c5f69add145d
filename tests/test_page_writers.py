"""writers of pages: alto, page and hocr, each held against the rules of its schema and read back."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seqrec import corpora
from seqrec.corpora._pages import children, descendants, name
from seqrec.decoding import Hypothesis, Span
from seqrec.errors import DataError
from seqrec.inputs import Document
from seqrec.samples import Sample
from seqrec.writers import Place, alto, hocr, page
from seqrec.writers._pagetext import Text, clean, outline

WRITERS = {"alto": alto, "page": page}

# Two lines, of 100 x 10 and 100 x 20 pixels, each with a text; between and around them what must stay as it is.
ALTO = """\
<?xml version='1.0' encoding="utf-8" standalone="yes"?>
<!DOCTYPE alto SYSTEM "alto.dtd">
<!-- kept: <String CONTENT="no"/> -->
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:x='urn:x' x:own = "a > b">
  <Description><MeasurementUnit>pixel</MeasurementUnit></Description><?kept <TextLine>?>
  <Layout><Page ID="p" PHYSICAL_IMG_NR="1" WIDTH="200" HEIGHT="100"><PrintSpace><TextBlock ID="b">
      <TextLine ID="l1" HPOS="10" VPOS="20" WIDTH="100" HEIGHT="10"
                TAGREFS='t'>
        <Shape><Polygon POINTS="10,20 110,20 110,30 10,30"/></Shape>
        <String ID="s1" CONTENT="old"><ALTERNATIVE>odd</ALTERNATIVE></String>
        <SP/>
        <String CONTENT="text"/><HYP CONTENT="-"/>
      </TextLine>
      <TextLine ID="l2" HPOS="10" VPOS="40" WIDTH="100" HEIGHT="20"><!-- kept --><String CONTENT="second"/></TextLine>
      <TextLine ID="l3" HPOS="10" VPOS="70" WIDTH="100" HEIGHT="20"/>
  </TextBlock></PrintSpace></Page></Layout>
</alto>
<!-- kept -->
"""
PAGE = """\
<?xml version="1.0" encoding="UTF-8"?>
<pc:PcGts xmlns:pc="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
 <pc:Metadata><pc:Creator>x</pc:Creator><pc:Created>2020-01-01T00:00:00</pc:Created>
  <pc:LastChange>2020-01-01T00:00:00</pc:LastChange></pc:Metadata>
 <pc:Page imageFilename="p.png" imageWidth="200" imageHeight="100">
  <pc:TextRegion id="r1"><pc:Coords points="10,20 110,20 110,90 10,90"/>
   <pc:TextLine id="l1" custom="a &gt; b">
    <pc:Coords points="10,20 110,20 110,30 10,30"/>
    <pc:Baseline points="10,28 110,28"/>
    <pc:Word id="l1_w1"><pc:Coords points="1,2 3,4"/><pc:TextEquiv><pc:Unicode>old</pc:Unicode></pc:TextEquiv></pc:Word>
    <pc:TextEquiv index="1"><pc:Unicode>old text-</pc:Unicode></pc:TextEquiv>
    <pc:TextEquiv index="2"><pc:Unicode>odd text</pc:Unicode></pc:TextEquiv>
    <pc:TextStyle fontSize="9"/>
   </pc:TextLine>
   <pc:TextLine id="l2"><pc:Coords points="10,40 110,40 110,60 10,60"/>
    <pc:TextEquiv><pc:Unicode>second</pc:Unicode></pc:TextEquiv></pc:TextLine>
   <pc:TextLine id="l3"><pc:Coords points="10,70 110,70 110,90 10,90"/></pc:TextLine>
   <pc:TextEquiv><pc:Unicode>old text-
second</pc:Unicode></pc:TextEquiv></pc:TextRegion>
  <pc:SeparatorRegion id="l2_w1"><pc:Coords points="0,0 9,0 9,1"/></pc:SeparatorRegion>
 </pc:Page>
</pc:PcGts>
"""
SOURCES = {"alto": ALTO, "page": PAGE}
BOTH = pytest.mark.parametrize("form", SOURCES)


def document(folder: Path, text: str | bytes) -> Document:
    (folder / "p.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    Image.new("L", (200, 100), 255).save(folder / "p.png")
    return Document(folder / "p.xml", folder)


def line(id: str, *words: tuple[float, float, str], confidence: float = 0.5) -> Hypothesis:
    spans = tuple(Span(text, confidence, start, end) for start, end, text in words)
    return Hypothesis(id, " ".join(text for *_, text in words), confidence, words=spans, unit="px")


FIRST = line("p_l1", (10, 40, "new"), (50, 110, 'a"&<>é'), confidence=0.75)


def filled(form: str, source: Document, *hypotheses: Hypothesis) -> str:
    out = io.StringIO()
    {**WRITERS, "hocr": hocr}[form].write(hypotheses, out, source)
    return out.getvalue()


# The schemas' rules

ORDERS = {  # of children; an ALTO line without a String is not valid, but comes from layout analysis
    "alto": {
        "TextLine": "(Shape )?((String (SP )?)+(HYP )?)?",
        "String": "(Shape )?(ALTERNATIVE )*(Glyph )*",
        "SP": "",
    },
    "page": {
        "TextLine": "(AlternativeImage )*Coords (Baseline )?(Word )*(TextEquiv )*(TextStyle )?(Labels )*",
        "Word": "(AlternativeImage )*Coords (Glyph )*(TextEquiv )*(TextStyle )?(Labels )*",
        "TextEquiv": "(PlainText )?Unicode ",
        "TextRegion": "(AlternativeImage )*Coords (TextRegion )*(TextLine )*(TextEquiv )*(TextStyle )?",
    },
}
BOX = {"HPOS": r"\d+", "VPOS": r"\d+", "WIDTH": r"\d+", "HEIGHT": r"\d+"}
SHARE = r"0\.\d+|1\.0+"
ATTRIBUTES = {
    "String": {"CONTENT": ".*", "WC": SHARE, **BOX},
    "SP": BOX,
    "Word": {"id": r"[^\W\d][\w.-]*"},
    "Coords": {"points": r"(\d+,\d+ )+(\d+,\d+)"},
    "TextEquiv": {"conf": SHARE},
    "Unicode": {},
}


def validated(form: str, text: str) -> Element:
    """The root, if ids are unique and children are those that the schema allows, in its order."""
    root: Element = fromstring(text.encode())
    ids = [value for each in root.iter() for key, value in each.attrib.items() if key in ("id", "ID")]
    assert len(ids) == len(set(ids))
    for each in root.iter():
        inside = "".join(f"{name(child)} " for child in each)
        assert re.fullmatch(ORDERS[form].get(name(each), ".*"), inside), f"{name(each)}: {inside}"
    return root


def fits_rules(element: Element) -> None:
    """Whether an element that the writer made, and all in it, has just the attributes that it should."""
    rules = ATTRIBUTES[name(element)]
    assert element.attrib.keys() == rules.keys()
    for key, rule in rules.items():
        assert re.fullmatch(rule, element.attrib[key], re.DOTALL), (key, element.attrib[key])
    for child in element:
        fits_rules(child)


def the_line(root: Element, id: str) -> Element:
    return next(each for each in descendants(root, "TextLine") if id in (each.get("ID"), each.get("id")))


@BOTH
def test_without_hypotheses_the_file_comes_back_as_it_was(tmp_path, form):
    assert filled(form, document(tmp_path, SOURCES[form])) == SOURCES[form]
    windows = SOURCES[form].replace("\n", "\r\n")
    assert filled(form, document(tmp_path, windows)) == windows


def test_an_alto_line(tmp_path):
    said = filled("alto", document(tmp_path, ALTO), FIRST)
    before, _, after = ALTO.partition('\n        <String ID="s1"')
    _, _, after = after.partition('<HYP CONTENT="-"/>')
    box = 'VPOS="20" WIDTH="{}" HEIGHT="10"'
    assert (
        said
        == before
        + (
            f'\n        <String CONTENT="new" WC="0.7500" HPOS="10" {box.format(30)}/>'
            f'\n        <SP HPOS="40" {box.format(10)}/>'
            f'\n        <String CONTENT=\'a"&amp;&lt;&gt;é\' WC="0.7500" HPOS="50" {box.format(60)}/>'
        )
        + after
    )
    for each in the_line(validated("alto", said), "l1"):
        if name(each) != "Shape":
            fits_rules(each)


def test_a_page_line_and_the_text_of_its_region(tmp_path):
    said = filled("page", document(tmp_path, PAGE), FIRST, line("p_l3", (10, 110, "third")))
    root = validated("page", said)
    first, third = the_line(root, "l1"), the_line(root, "l3")
    assert [name(each) for each in first] == ["Coords", "Baseline", "Word", "Word", "TextEquiv", "TextStyle"]
    words = children(first, "Word")
    for each in (*words, *children(first, "TextEquiv"), *children(third, "Word")):
        fits_rules(each)
    assert [word.get("id") for word in words] == ["l1_w1", "l1_w2"]
    assert [sorted(children(word, "Coords")[0].get("points").split()) for word in words] == [
        ["10,20", "10,30", "40,20", "40,30"], ["110,20", "110,30", "50,20", "50,30"],
    ]  # fmt: skip
    assert [corpora.page.text_of(each) for each in (*words, first, third)] == ["new", 'a"&<>é', 'new a"&<>é', "third"]
    [region] = descendants(root, "TextRegion")
    assert children(region, "TextEquiv")[0][0].text == 'new a"&<>é\nsecond\nthird'
    assert said.partition("<pc:TextLine")[0] == PAGE.partition("<pc:TextLine")[0]
    assert said.partition("<pc:SeparatorRegion")[2] == PAGE.partition("<pc:SeparatorRegion")[2]
    second = PAGE[PAGE.index('<pc:TextLine id="l2"') : PAGE.index('   <pc:TextLine id="l3"')]
    assert second in said


@BOTH
def test_filled_again_it_is_the_same(tmp_path, form):
    hypotheses = FIRST, line("p_l2", (10, 60, "x"), (70, 80, "y")), line("p_l3")
    once = filled(form, document(tmp_path, SOURCES[form]), *hypotheses)
    validated(form, once)
    assert filled(form, document(tmp_path, once), *hypotheses) == once


def test_ids_of_words_are_taken_by_nothing_else(tmp_path):
    root = validated("page", filled("page", document(tmp_path, PAGE), line("p_l2", (10, 60, "x"))))
    assert [word.get("id") for word in descendants(root, "Word")] == ["l1_w1", "l2_w1_2"]


def test_an_empty_line_stays_valid(tmp_path):
    root = validated("alto", filled("alto", document(tmp_path, ALTO), line("p_l1"), line("p_l3")))
    for id, box in (("l1", ("10", "20", "100", "10")), ("l3", ("10", "70", "100", "20"))):
        [string] = children(the_line(root, id), "String")
        fits_rules(string)
        assert (string.get("CONTENT"), *(string.get(key) for key in BOX)) == ("", *box)
    root = validated("page", filled("page", document(tmp_path, PAGE), line("p_l1")))
    assert [name(each) for each in the_line(root, "l1")] == ["Coords", "Baseline", "TextEquiv", "TextStyle"]
    assert children(the_line(root, "l1"), "TextEquiv")[0].get("conf") == "0.5000"


def test_units_of_the_file(tmp_path):
    # the image is 200 pixels wide: 2000 units are 0.1 pixels each
    text = ALTO.replace("pixel", "mm10").replace('WIDTH="200"', 'WIDTH="2000"')
    said = filled("alto", document(tmp_path, text), line("p_l1", (1, 4, "new"), (5, 11, "x")))
    strings = children(the_line(validated("alto", said), "l1"), "String")
    assert [[string.get(key) for key in BOX] for string in strings] == [
        ["10", "20", "30", "10"],
        ["50", "20", "60", "10"],
    ]


def test_points_of_older_versions(tmp_path):
    points = "".join(f'<pc:Point x="{x}" y="{y}"/>' for x, y in ((10, 20), (110, 20), (110, 30), (10, 30)))
    text = PAGE.replace('<pc:Coords points="10,20 110,20 110,30 10,30"/>', f"<pc:Coords>{points}</pc:Coords>")
    root = fromstring(filled("page", document(tmp_path, text), line("p_l1", (10, 40, "new"))))
    [word] = children(the_line(root, "l1"), "Word")
    assert sorted((int(p.get("x")), int(p.get("y"))) for p in word[0]) == [(10, 20), (10, 30), (40, 20), (40, 30)]
    assert not children(the_line(root, "l1"), "TextEquiv")[0].attrib


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
@BOTH
def test_any_encoding_becomes_utf8(tmp_path, form, encoding):
    text = SOURCES[form].replace("second", "sécond")
    declared = re.sub("(?i)utf-8", encoding.removesuffix("-sig"), text, count=1)
    said = filled(form, document(tmp_path, declared.encode(encoding)), line("p_l1", (10, 20, "漢字")))
    validated(form, said)
    assert 'encoding="utf-8"' in said.lower()
    assert "sécond" in said
    assert "漢字" in said


@BOTH
@given(words=st.lists(st.text(min_size=1).map(lambda t: "".join(t.split()) or "]]>"), min_size=1, max_size=5))
def test_whatever_is_said_is_read_back(form, words):
    spans = [(10.0 + 20 * n, 25.0 + 20 * n, word) for n, word in enumerate(words)]
    with tempfile.TemporaryDirectory() as folder:
        root = validated(form, filled(form, document(Path(folder), SOURCES[form]), line("p_l1", *spans)))
    first = the_line(root, "l1")
    if form == "alto":
        said = [each.get("CONTENT") for each in children(first, "String")]
    else:
        said = [children(each, "TextEquiv")[0][0].text for each in children(first, "Word")]
    assert said == [clean(word) for word in words]


names = st.sampled_from(["a", "b.c", "d-e", "_f"])
noise = st.sampled_from(
    ["", " ", "x > y", "\n", "<!-- <a> -->", "<?p <a b='?>", "<![CDATA[<a></b>]]>", "&lt;a&gt;", "é漢", "<!---->"]
)
values = st.sampled_from(['"x > y"', "'/&#62;>'", '"\'/>"', "'\"'", '""', "' '"])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    tag = draw(names)
    keys = draw(st.lists(names, max_size=2, unique=True))
    start = tag + "".join(f"{draw(st.sampled_from([' ', chr(10)]))}{key} = {draw(values)}" for key in keys)
    if draw(st.booleans()):
        return f"<{start}{draw(st.sampled_from(['', ' ']))}/>"
    inside = draw(st.lists(elements(depth - 1) | noise if depth else noise, max_size=3))
    return f"<{start}>{''.join(inside)}</{tag}{draw(st.sampled_from(['', ' ']))}>"


@given(elements(), st.data())
def test_only_what_is_replaced_changes_in_any_xml(text, data):
    root = fromstring(text)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.xml").write_bytes(text.encode())
        edited = Text(Path(folder) / "x.xml", root)
        assert edited.changed() == text
        parent = data.draw(st.sampled_from(list(root.iter())))
        edited.replace(parent, {"a"}, {"b.c"}, ["<new/>", "<new>é</new>"])
        after = fromstring(edited.changed())
    expected = [child for child in parent if child.tag != "a"]
    place = max((n for n, child in enumerate(expected, 1) if child.tag == "b.c"), default=0)
    path = list(root.iter()).index(parent)
    found = list(after.iter())[path]
    assert [child.tag for child in found] == [
        *(child.tag for child in expected[:place]), "new", "new", *(child.tag for child in expected[place:]),
    ]  # fmt: skip
    assert found.attrib == parent.attrib
    kept = [child for child in found if child.tag != "new"]
    assert [bare(child) for child in kept] == [bare(child) for child in expected]


def bare(element: Element) -> tuple[object, ...]:
    """An element and all in it, without what follows it."""
    return element.tag, element.attrib, element.text, [(bare(child), child.tail) for child in element]


# Outlines of words


def part(polygon, start: float, end: float):
    return outline(Sample("a", polygon=polygon), Place("x", 1.0, start, end))


def area(points) -> float:
    pairs = zip(points, (*points[1:], points[0]), strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2


def test_a_word_is_the_part_of_the_lines_polygon_over_it():
    square = ((0, 0), (10, 0), (10, 10), (0, 10))
    assert set(part(square, 2, 4)) == {(2, 0), (4, 0), (4, 10), (2, 10)}
    assert set(part(square, -5, 50)) == set(square)
    slope = ((0, 0), (10, 10), (10, 12), (0, 2))
    assert set(part(slope, 5, 10)) == {(5, 5), (10, 10), (10, 12), (5, 7)}
    notched = ((0, 0), (4, 0), (5, 8), (6, 0), (10, 0), (10, 10), (0, 10))
    assert area(part(notched, 3, 7)) == pytest.approx(40 - 8)


def test_a_word_outside_of_the_polygon_or_without_a_width_has_a_box():
    square = ((0, 0), (10, 0), (10, 10), (0, 10))
    assert part(square, 20, 30) == ((20, 0), (30, 0), (30, 10), (20, 10))
    assert set(part(square, 4, 4)) == {(4, 0), (5, 0), (5, 10), (4, 10)}


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), min_size=3, max_size=12),
    st.lists(st.floats(-10, 110), min_size=2, max_size=2, unique=True),
)
def test_parts_lie_between_the_words_ends(polygon, ends):
    start, end = sorted(ends)
    points = part(tuple(polygon), start, end)
    assert len(points) >= 3
    assert all(start - 1e-6 <= x <= max(end, start + 1) + 1e-6 for x, _ in points)
    assert all(min(y for _, y in polygon) - 1e-6 <= y <= max(y for _, y in polygon) + 1e-6 for _, y in points)


# hOCR


@BOTH
def test_hocr(tmp_path, form):
    said = filled("hocr", document(tmp_path, SOURCES[form]), FIRST)
    root = fromstring(said, forbid_dtd=False)
    [whole] = [each for each in root.iter() if each.get("class") == "ocr_page"]
    assert whole.get("title") == 'image "p.png"; bbox 0 0 200 100; ppageno 0'
    [block] = whole
    assert (block.get("class"), block.get("title")) == ("ocr_carea", "bbox 10 20 110 90")
    assert [(each.get("class"), each.get("title")) for each in block] == [
        ("ocr_line", "bbox 10 20 110 30"), ("ocr_line", "bbox 10 40 110 60"), ("ocr_line", "bbox 10 70 110 90"),
    ]  # fmt: skip
    assert [(each.get("class"), each.get("title"), each.text) for each in block[0]] == [
        ("ocrx_word", "bbox 10 20 40 30; x_wconf 75", "new"), ("ocrx_word", "bbox 50 20 110 30; x_wconf 75", 'a"&<>é'),
    ]  # fmt: skip
    assert [len(each) for each in block] == [2, 0, 0]
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids)) == 7
    capabilities = next(e.get("content") for e in root.iter() if e.get("name") == "ocr-capabilities").split()
    assert {each.get("class") for each in root.iter() if each.get("class")} == set(capabilities)


def test_hocr_without_the_pages_size(tmp_path):
    text = ALTO.replace('WIDTH="200" HEIGHT="100"', "")
    assert "bbox 0 0 110 90; ppageno" in filled("hocr", document(tmp_path, text), FIRST)


# What cannot be


def test_the_other_format_is_refused(tmp_path):
    with pytest.raises(DataError, match="XML of another kind, <PcGts>; expected ALTO"):
        filled("alto", document(tmp_path, PAGE))
    with pytest.raises(DataError, match="XML of another kind, <alto>; expected PAGE"):
        filled("page", document(tmp_path, ALTO))


def test_a_file_that_changed_meanwhile(tmp_path):
    source = document(tmp_path, ALTO)
    loaded = corpora.alto.load(*source)
    source.file.write_text(ALTO.replace("<Shape>", "<Shape><x/>"))
    with pytest.raises(DataError, match="has another content than when it was read"):
        Text(source.file, loaded.root)
