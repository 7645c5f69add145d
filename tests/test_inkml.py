"""InkML: values by hand for every coding of a trace, documents as the corpora in it are built, and bad ones."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.corpora import NoSplit, inkml
from seqrec.corpora._source import Source
from seqrec.corpora._traces import Format, format_of, points_of
from seqrec.errors import DataError, SeqrecError
from seqrec.samples import Sample, raise_error

XYT = Format(("X", "Y", "T"), 3)
LABEL = "<annotation type='truth'>x</annotation>"
NS = 'xmlns="http://www.w3.org/2003/InkML"'


def points(text: str, form: Format = Format()) -> list[list[float]]:  # noqa: B008
    return points_of(text, form, "here").tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ", []),
        ("1 2", [[1, 2]]),
        ("1 2, 3 4,5 6", [[1, 2], [3, 4], [5, 6]]),
        ("\n 1\t2 ,\r\n 3   4 \n", [[1, 2], [3, 4]]),
        ("1 2,,3 4,", [[1, 2], [3, 4]]),
        ("1.5 -2,.5 2.,1e2 -1.5E-1", [[1.5, -2], [0.5, 2], [100, -0.15]]),
        ("3-5,- 3 -5,+1+2", [[3, -5], [-3, -5], [1, 2]]),
        ("#1F #ff,-#A#0", [[31, 255], [-10, 0]]),
        ("T F,1 T", [[1, 0], [1, 1]]),
        # velocities; the modifier holds until the next one of its channel
        ("10 20,'1'2,3 4,-1-1", [[10, 20], [11, 22], [14, 26], [13, 25]]),
        ("10 20,'1 30,1 40", [[10, 20], [11, 30], [12, 40]]),
        ("10 20,'1'2,!50 1,60 1", [[10, 20], [11, 22], [50, 23], [60, 24]]),
        # accelerations, after velocities and after absolute values, whose difference is the velocity
        ("0 0,'2'0,\"1\"1,1 1", [[0, 0], [2, 0], [5, 1], [9, 3]]),
        ("0 0,5 0,\"1'0", [[0, 0], [5, 0], [11, 0]]),
        # the same again: value, velocity, acceleration
        ("1 2,* 3,4 *", [[1, 2], [1, 3], [4, 3]]),
        ("1 2,'3'4,**,* *", [[1, 2], [4, 6], [7, 10], [10, 14]]),
        ("0 0,'1'1,\"2\"0,* *", [[0, 0], [1, 1], [4, 2], [9, 3]]),
        # unknown: no point, and what follows is added to the last that was known
        ("1 2,? 3,4 5", [[1, 2], [4, 5]]),
        ("1 2,'1'1,? ?,1 1", [[1, 2], [2, 3], [3, 4]]),
        # the example of the recommendation
        (
            "1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6,2 4,*6,3 6,3 6",
            [
                [1125, 18432], [1148, 18475], [1178, 18510], [1211, 18540], [1251, 18567], [1297, 18596],
                [1349, 18633], [1404, 18676], [1461, 18723], [1520, 18776], [1582, 18835], [1647, 18900],
            ],
        ),
    ],
)  # fmt: skip
def test_codings_of_a_trace(text: str, expected: list[list[float]]) -> None:
    assert points(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1", "its point 1 has 1 values; expected 2, of the channels X, Y"),
        ("1 2, 3", "its point 2 has 1 values"),
        ("1 2 3", "here, point 1: is '1 2 3'; expected 2 values at most"),
        ("1 2, '3 4 5", 'here, point 2: is "\'3 4 5"; expected 2 values at most'),
        ("1 x", "point 1: holds 'x'; expected values such as"),
        ("1 1_0", "point 1: holds '_0'"),
        ("nan 1", "holds 'nan 1'"),
        ("inf 1", "holds 'inf 1'"),
        ("1 ٣", "holds '٣'"),
        ("#G 1", "holds '#G 1'"),
        ("1 2;3 4", "holds ';3 4'"),
        ("' 1", "its point 1 has 1 values"),
        ("1 '", "expected values such as"),
        ("1e999 1", "holds a value that is too large; expected numbers below 1e+12"),
        ("-1e12 1", "holds a value that is too large"),
        ("#" + "F" * 5000 + " 1", "holds a value that is too large"),
        ("0 0,'1e11'0" + ",1e11 0" * 20, "holds a value that is too large"),
    ],
)
def test_what_is_no_trace(text: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        points(text)
    assert said in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("text", [" " * 200_000 + "x", "1" * 200_000 + "x", "1 2" + " 3" * 100_000, "1-" * 100_000])
def test_a_bad_trace_of_any_length_is_refused_at_once(text: str) -> None:
    with pytest.raises(DataError):
        points(text)


@given(st.lists(st.tuples(*[st.integers(-999, 999)] * 2), min_size=1, max_size=20))
def test_differences_add_up_to_the_points(wanted: list[tuple[int, int]]) -> None:
    path = np.array(wanted)
    speeds = np.diff(path, axis=0, prepend=0)
    accelerations = np.diff(speeds, axis=0, prepend=0)
    for sign, steps in (("", path), ("!", path), ("'", speeds), ('"', accelerations)):
        text = ",".join(f"{sign}{x}{sign or ' '}{y}" for x, y in steps)
        assert points(text) == path.tolist()


def test_times_and_further_channels() -> None:
    assert points("1 2 100, 3 4 150", XYT) == [[1, 2, 0.1], [3, 4, 0.15]]
    assert points("7 20 1 2, 8 30 3 4", Format(("F", "T", "Y", "X"), 4, seconds=1.0)) == [[2, 1, 20], [4, 3, 30]]
    assert points("1 2 0, 3 4 ?, 5 6 20, 7 8 ?", XYT) == [[1, 2, 0], [3, 4, 0.01], [5, 6, 0.02], [7, 8, 0.02]]
    assert points("1 2 ?, 3 4 ?", XYT) == [[1, 2], [3, 4]]
    assert points("1 2 5 9,3 4,5 6 7", Format(("X", "Y", "T", "F"), 2)) == [[1, 2, 0.005], [3, 4, 0.006], [5, 6, 0.007]]
    with pytest.raises(DataError, match="has 1 values; expected 2 to 3, of the channels X, Y, T"):
        points("1", Format(("X", "Y", "T"), 2))


def form(channels: str, source: str = "") -> Format:
    inner = fromstring(f"<inkSource>{source}</inkSource>")
    return format_of(fromstring(f"<traceFormat>{channels}</traceFormat>"), inner, "here")


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ('<channel name="X"/><channel name="Y"/>', Format()),
        ('<channel name="Y"/><channel name="X"/>', Format(("Y", "X"))),
        ('<channel name="X" units="dev"/><channel name="Y" units="dev"/>', Format()),
        ('<channel name="X" units="cm"/><channel name="Y" units="mm"/>', Format(across=10.0)),
        ('<channel name="X" units="in"/><channel name="Y" units="in"/>', Format()),
        ('<channel name="X"/><channel name="Y" orientation="-ve"/>', Format(down=-1.0)),
        ('<channel name="X" orientation="-ve"/><channel name="Y" orientation="+ve"/>', Format(across=-1.0)),
        ('<channel name="X"/><channel name="Y"/><channel name="T"/>', XYT),
        ('<channel name="X"/><channel name="Y"/><channel name="T" units="s"/>', XYT._replace(seconds=1.0)),
        (
            '<channel name="X"/><channel name="Y"/><intermittentChannels><channel name="F"/></intermittentChannels>',
            Format(("X", "Y", "F"), 2),
        ),
    ],
)
def test_formats(channels: str, expected: Format) -> None:
    assert form(channels) == expected


def test_a_resolution_counts_where_units_are_the_devices() -> None:
    channels = '<channel name="X"/><channel name="Y" units="dev"/><channel name="T" units="dev"/>'
    properties = "".join(
        f'<channelProperty channel="{name}" name="resolution" value="{value}" units="1/{unit}"/>'
        for name, value, unit in (("X", 500, "cm"), ("Y", 1000, "cm"), ("T", 100, "s"))
    )
    got = form(channels, f"<channelProperties>{properties}</channelProperties>")
    assert got == Format(("X", "Y", "T"), 3, across=2.0, seconds=0.01)


@pytest.mark.parametrize(
    "channels", ["", '<channel name="X"/>', '<channel name="X"/><channel name="Y"/><channel name="X"/>', "<channel/>"]
)
def test_a_format_needs_x_and_y_once(channels: str) -> None:
    with pytest.raises(DataError, match=r"here: its traceFormat has the channels .*expected each once, X and Y among"):
        form(channels)


def read(folder: Path, text: str | bytes, level: inkml.Level = "group") -> list[Sample]:
    path = folder / "a.inkml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(inkml.read(path, raise_error, level=level))


def said(samples: list[Sample]) -> list[tuple[str, str | None, list[list[list[float]]]]]:
    return [(s.id, s.text, [stroke.tolist() for stroke in s.strokes or ()]) for s in samples]


def test_a_file_without_groups_is_a_sample(tmp_path: Path) -> None:
    got = read(tmp_path, f"<ink {NS}><annotation type='truth'> a\n b</annotation><trace>1 2,3 4</trace><trace/></ink>")
    assert said(got) == [("a", "a b", [[[1, 2], [3, 4]]])]
    assert said(read(tmp_path, "<ink><trace>1 2</trace></ink>")) == [("a", None, [[[1, 2]]])]


def test_as_crohme_has_it(tmp_path: Path) -> None:
    """Traces first, named without "#"; a wrapper with a label of its own; MathML; ids of groups and traces alike."""
    text = f"""<ink {NS}>
      <traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/></traceFormat>
      <annotation type="UI">2011_IVC_DEPT_F01_E01</annotation><annotation type="writer">w123</annotation>
      <annotation type="truth">$a&lt;b$</annotation>
      <annotationXML type="truth" encoding="Content-MathML"><math xmlns="http://www.w3.org/1998/Math/MathML">
        <mi xml:id="A">a</mi></math></annotationXML>
      <trace id="0">985 3317, 1019 3340</trace><trace id="1">1 2</trace><trace id="2">3 4</trace>
      <traceGroup xml:id="2"><annotation type="truth">From ITF</annotation>
        <traceGroup xml:id="1"><annotation type="truth">a</annotation><traceView traceDataRef="0"/>
          <traceView traceDataRef="2"/><annotationXML href="A"/></traceGroup>
        <traceGroup xml:id="4"><annotation type="truth">b</annotation><traceView traceDataRef="1"/></traceGroup>
      </traceGroup></ink>"""
    got = read(tmp_path, text)
    assert said(got) == [
        ("a#1", "a", [[[985, 3317], [1019, 3340]], [[3, 4]]]),
        ("a#4", "b", [[[1, 2]]]),
    ]
    assert {sample.group for sample in got} == {"w123"}
    (whole,) = read(tmp_path, text, "file")
    assert (whole.id, whole.text, whole.group, len(whole.strokes or ())) == ("a", "$a<b$", "w123", 3)


def test_as_imadocsen_has_it(tmp_path: Path) -> None:
    """No namespace, contexts among the definitions, labels within annotationXML, words within a sentence."""
    text = """<ink><definitions><inkSource id="s"><traceFormat id="f"><channel name="X" units="ink"/>
      <channel name="Y" units="ink"/></traceFormat></inkSource><context id="c" inkSourceRef="#s" brushRef="#b"/>
      </definitions><annotationXML type="Writer characteristics"><name>w1-s1</name></annotationXML>
      <traceGroup id="t"><annotationXML type="Ground truth"><type>Sentence</type><label>an ox</label></annotationXML>
      <traceGroup id="t1"><annotationXML type="Ground truth"><type>Word</type><label>an</label></annotationXML>
        <trace id="i" contextRef="#c"> 1 2, 3 4</trace></traceGroup>
      <traceGroup id="t2"><annotationXML type="Ground truth"><type>Word</type><label>ox</label></annotationXML>
        <trace id="j" contextRef="#c">5 6</trace></traceGroup></traceGroup></ink>"""
    (tmp_path / "writer1").mkdir()
    (tmp_path / "writer1" / "sentence1.inkml").write_text(text)
    got = list(inkml.read(tmp_path, raise_error))
    assert said(got) == [
        ("writer1/sentence1#t1", "an", [[[1, 2], [3, 4]]]),
        ("writer1/sentence1#t2", "ox", [[[5, 6]]]),
    ]
    assert {sample.group for sample in got} == {"writer1"}


def test_as_mathwriting_has_it(tmp_path: Path) -> None:
    for part, tag in (("test", "test"), ("train", "train"), ("valid", "valid"), ("synthetic", "synthetic")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "0a.inkml").write_text(
            f"""<ink {NS}><annotation type="label">a _ 1</annotation>
            <annotation type="normalizedLabel">a_{{1}}</annotation>
            <annotation type="splitTagOriginal">{tag}</annotation><annotation type="sampleId">0a</annotation>
            <traceFormat><channel name="X"/><channel name="Y"/><channel name="T" units="ms"/></traceFormat>
            <trace id="0">9.5 4.25 20.0,9 5 32.0</trace><trace id="1">1 1 500</trace></ink>"""
        )
    got = list(inkml.splits(tmp_path, raise_error))
    assert [(part, sample.id) for part, sample in got] == [
        ("train", "synthetic/0a"), ("test", "test/0a"), ("train", "train/0a"), ("dev", "valid/0a"),
    ]  # fmt: skip
    assert said([got[0][1]])[0][1:] == ("a_{1}", [[[9.5, 4.25, 0], [9, 5, 0.012]], [[1, 1, 0.48]]])
    assert got[0][1].group is None
    (tmp_path / "train" / "0a.inkml").write_text("<ink><trace>1 2</trace></ink>")
    errors: list[SeqrecError] = []
    assert len(list(inkml.splits(tmp_path, errors.append))) == 3
    assert str(errors[0]).endswith("train/0a.inkml: its split is None; expected train, valid or test")


def test_without_a_split(tmp_path: Path) -> None:
    (tmp_path / "a.inkml").write_text("<ink><trace>1 2</trace></ink>")
    with pytest.raises(NoSplit, match="names no split"):
        list(inkml.splits(tmp_path, raise_error))


def test_as_iamondo_has_it(tmp_path: Path) -> None:
    """Views within views, prefixes for the namespace, words in lines."""
    text = """<i:ink xmlns:i="http://www.w3.org/2003/InkML"><i:trace xml:id="t0">1 1</i:trace>
      <i:trace xml:id="t1">2 2</i:trace><i:trace xml:id="t2">3 3</i:trace>
      <i:traceView xml:id="v"><i:annotation type="type">Document</i:annotation>
       <i:traceView xml:id="v0"><i:annotation type="type">Textline</i:annotation>
        <i:annotation type="transcription">one two</i:annotation>
        <i:traceView xml:id="v1"><i:annotation type="transcription">one</i:annotation>
          <i:traceView traceDataRef="#t0"/><i:traceView traceDataRef="#t2"/></i:traceView>
        <i:traceView xml:id="v2" traceDataRef="#t1"><i:annotation type="transcription">two</i:annotation></i:traceView>
       </i:traceView></i:traceView></i:ink>"""
    assert said(read(tmp_path, text)) == [("a#v1", "one", [[[1, 1]], [[3, 3]]]), ("a#v2", "two", [[[2, 2]]])]


def test_contexts_hold_until_the_next_one(tmp_path: Path) -> None:
    xyt = '<channel name="Y"/><channel name="X"/><channel name="T" units="s"/>'
    text = f"""<ink><definitions>
        <traceFormat xml:id="f"><channel name="X"/><channel name="Y" orientation="-ve"/></traceFormat>
        <context xml:id="up" traceFormatRef="#f"/>
        <inkSource xml:id="s"><traceFormat>{xyt}</traceFormat></inkSource>
        <context xml:id="timed" inkSourceRef="#s"/><context xml:id="same" contextRef="#timed"/>
      </definitions>
      <trace>1 2</trace><context contextRef="#up"/><trace>1 2</trace>
      <traceGroup contextRef="#same"><trace>1 2 3</trace><trace contextRef="#up">1 2</trace></traceGroup>
      <trace contextRef="#DefaultContext">1 2</trace></ink>"""
    assert said(read(tmp_path, text))[0][2] == [[[1, 2]], [[1, -2]], [[2, 1]], [[1, -2]], [[1, -2]]]


def test_the_only_format_is_that_of_all_traces(tmp_path: Path) -> None:
    text = """<ink><definitions><context xml:id="c"><inkSource><traceFormat><channel name="X"/><channel name="Y"/>
      <channel name="F"/></traceFormat></inkSource></context></definitions><trace>1 2 3</trace></ink>"""
    assert said(read(tmp_path, text))[0][2] == [[[1, 2]]]


def test_a_lifted_pen_and_a_trace_in_pieces(tmp_path: Path) -> None:
    text = """<ink><trace id="a" continuation="begin">1 2,'1'1</trace><trace type="penUp">7 7</trace>
      <trace id="b">8 8</trace><trace continuation="middle" priorRef="#a" id="c">1 1</trace>
      <trace continuation="end" priorRef="#c">2 2</trace></ink>"""
    assert said(read(tmp_path, text))[0][2] == [[[1, 2], [2, 3], [3, 4], [5, 6]], [[8, 8]]]


def test_parts_of_traces(tmp_path: Path) -> None:
    text = """<ink><trace id="t">1 1,2 2,3 3,4 4</trace>
      <traceView id="a" traceDataRef="#t" to="2"><annotation type="label">x</annotation></traceView>
      <traceView id="b" traceDataRef="#t" from="2" to="3"><annotation type="label">y</annotation></traceView>
      <traceView id="c" traceDataRef="#b"><annotation type="label">z</annotation></traceView></ink>"""
    assert said(read(tmp_path, text)) == [
        ("a#a", "x", [[[1, 1], [2, 2]]]), ("a#b", "y", [[[2, 2], [3, 3]]]), ("a#c", "z", [[[2, 2], [3, 3]]]),
    ]  # fmt: skip


def test_groups_without_an_id_or_with_one_for_all_are_counted(tmp_path: Path) -> None:
    group = f"<traceGroup id='{{}}'>{LABEL}<trace>1 1</trace></traceGroup>"
    got = read(tmp_path, f"<ink>{''.join(map(group.format, ('', 'b', '', 'b', 'b_4')))}</ink>")
    assert [sample.id for sample in got] == ["a#1", "a#b", "a#3", "a#b_4", "a#b_4_5"]


def test_definitions_are_drawn_where_they_are_viewed(tmp_path: Path) -> None:
    defined = "<definitions><traceGroup id='g'><trace>1 1</trace></traceGroup></definitions>"
    viewed = "<traceView traceDataRef='#g'><annotation type='truth'>x</annotation></traceView>"
    assert said(read(tmp_path, f"<ink>{defined}{viewed}</ink>")) == [("a#1", "x", [[[1, 1]]])]
    assert said(read(tmp_path, f"<ink>{defined}<trace>2 2</trace></ink>")) == [("a", None, [[[2, 2]]])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?><ink>{LABEL.replace('x', 'é')}<trace>1 2</trace></ink>"
    assert read(tmp_path, text.encode(encoding))[0].text == "é"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", "a.inkml, a: has no ink; expected a trace of one point or more"),
        ("<trace/><trace> </trace>", "has no ink"),
        ("<trace type='penUp'>1 2</trace>", "has no ink"),
        ("<trace id='t7'>1 2,3</trace>", "a.inkml, trace t7: its point 2 has 1 values; expected 2"),
        ("<trace>1 1</trace><trace>1 nan</trace>", "a.inkml, trace number 2, point 1: holds 'nan'"),
        (f"<traceGroup>{LABEL}</traceGroup>", "has no ink"),
        (
            f"<traceGroup>{LABEL}<traceView traceDataRef='#no'/></traceGroup>",
            "refers to a trace 'no', which is not there",
        ),
        (f"<traceGroup>{LABEL}<traceView traceDataRef='#'/></traceGroup>", "refers to a trace '', which is not there"),
        (
            f"<brush id='b'/><traceGroup>{LABEL}<traceView traceDataRef='#b'/></traceGroup>",
            "refers to a trace 'b', which",
        ),
        (f"<traceView id='v' traceDataRef='#v'>{LABEL}</traceView>", "has no ink"),
        (
            f"<trace id='t'>1 1</trace><traceView traceDataRef='#t' from='0'>{LABEL}</traceView>",
            "takes '0' to '' of trace '#t'; expected points of a trace, counted from 1",
        ),
        (f"<trace id='t'>1 1</trace><traceView traceDataRef='#t' from='5'>{LABEL}</traceView>", "has no ink"),
        ("<traceFormat><channel name='X'/></traceFormat><trace>1</trace>", "its traceFormat has the channels X; "),
        ("<traceGroup>" * 70 + "</traceGroup>" * 70, "has groups within groups too deep; expected 64 levels at most"),
        (f"<traceView>{'<traceView>' * 70}{'</traceView>' * 70}</traceView>", "has groups within groups too deep"),
        (
            "".join(f"<traceView id='v{n}' traceDataRef='#v{n + 1}'/>" for n in range(90))
            + f"<traceView traceDataRef='#v0'>{LABEL}</traceView><trace id='v90'>1 1</trace>",
            "has references too deep, or in a circle",
        ),
    ],
)
def test_bad_documents(tmp_path: Path, inner: str, expected: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, f"<ink {NS}>{inner}</ink>")
    assert expected in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "a.inkml"))
    assert "\n" not in str(error.value)


def test_every_bad_trace_is_named_and_the_other_samples_are_read(tmp_path: Path) -> None:
    groups = "".join(
        f"<traceGroup id='g{n}'>{LABEL}<trace id='t{n}'>{trace}</trace><trace id='u{n}'>{trace}</trace></traceGroup>"
        for n, trace in enumerate(["1 2", "1", "3 4"])
    )
    (tmp_path / "a.inkml").write_text(f"<ink>{groups}</ink>")
    (tmp_path / "b.inkml").write_text("<ink><trace>1 2")
    (tmp_path / "c.xml").write_text("<ink><trace>1 2</trace></ink>")
    (tmp_path / "d.xml").write_text("<html/>")
    (tmp_path / "._a.inkml").write_text("rubbish")
    errors: list[SeqrecError] = []
    assert [sample.id for sample in inkml.read(tmp_path, errors.append)] == ["a#g0", "a#g2", "c"]
    assert [str(error).partition(": ")[0] for error in errors] == [
        f"{tmp_path}/a.inkml, trace t1", f"{tmp_path}/a.inkml, trace u1", f"{tmp_path}/b.inkml",
    ]  # fmt: skip


def test_entities_are_refused(tmp_path: Path) -> None:
    lol = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    with pytest.raises(DataError, match="declares entities of its own"):
        read(tmp_path, f'<!DOCTYPE ink [<!ENTITY l0 "1 2,">{lol}]><ink><trace>&l9;</trace></ink>')


def test_references_that_would_multiply_the_ink_stay_small(tmp_path: Path) -> None:
    """Each view refers twice to the one before: drawn as often as it is named, that were 2^60 strokes."""
    views = "".join(
        f"<traceGroup id='g{n + 1}'><traceView traceDataRef='#g{n}'/><traceView traceDataRef='#g{n}'/></traceGroup>"
        for n in range(20)
    )
    top = f"<traceView traceDataRef='#g20'>{LABEL}</traceView>"
    (got,) = read(tmp_path, f"<ink><traceGroup id='g0'><trace>1 1</trace></traceGroup>{views}{top}</ink>")
    assert len(got.strokes or ()) == 1


def test_signs(tmp_path: Path) -> None:
    assert inkml.signs(Source(tmp_path)) is None
    (tmp_path / "a.xml").write_text("<html/>")
    assert inkml.signs(Source(tmp_path)) is None
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.inkml").write_text(f"<ink {NS}/>")
    sign = inkml.signs(Source(tmp_path))
    assert sign is not None
    assert (sign.sure, sign.why, sign.root) == (3, "holds InkML such as deep/b.inkml", tmp_path)


def test_what_refers_to_much_ink_again_and_again_ends_soon(tmp_path: Path) -> None:
    views = f"<traceView traceDataRef='t'>{LABEL}</traceView>" * 40
    (tmp_path / "a.inkml").write_text(f"<ink><trace id='t'>1 2{' ' * 2_000_000}</trace>{views}</ink>")
    errors: list[SeqrecError] = []
    assert len(list(inkml.read(tmp_path, errors.append))) == 33
    assert len(errors) == 7
    assert "refers to its traces too often; expected 64 MB of ink at most" in str(errors[0])


def test_contexts_in_a_circle(tmp_path: Path) -> None:
    contexts = "<context id='a' contextRef='#b'/><context id='b' contextRef='#a' inkSourceRef='#b'/>"
    text = f"<ink><definitions>{contexts}</definitions><trace contextRef='#a'>1 2</trace></ink>"
    assert said(read(tmp_path, text))[0][2] == [[[1, 2]]]
