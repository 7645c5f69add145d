from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.errors import DataError, SeqrecError
from seqrec.samples import Manifest, Sample, parse_sample, read_manifest, to_row, write_manifest

HERE = Path("data")


def parsed(**row: Any) -> Sample:
    return parse_sample(row, "m.jsonl:1", HERE)


def test_a_sound_with_a_region() -> None:
    sample = parsed(id="a1", text="hello", path="a/1.wav", start=0.5, end=2, group="anna")
    assert sample == Sample("a1", "hello", HERE / "a/1.wav", start=0.5, end=2.0, group="anna")


def test_an_image_with_a_polygon() -> None:
    sample = parsed(path="/x/p.png", polygon=[[0, 0], [9, 0], [9, 5.5]], baseline=[[0, 4], [9, 4]])
    assert sample.path == Path("/x/p.png")
    assert sample.polygon == ((0.0, 0.0), (9.0, 0.0), (9.0, 5.5))
    assert sample.baseline == ((0.0, 4.0), (9.0, 4.0))


def test_ink() -> None:
    sample = parsed(strokes=[[[0, 0], [10, 12]], [[30, 5, 0.25]]])
    assert sample.path is None
    assert sample.strokes is not None
    assert [stroke.shape for stroke in sample.strokes] == [(2, 2), (1, 3)]
    assert sample.strokes[1].tolist() == [[30.0, 5.0, 0.25]]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"path": "a/b.wav"}, "b"),
        ({"path": "a/b.wav", "id": 7}, "7"),
        ({"path": "a/b.wav", "id": ""}, "b"),
        ({"strokes": []}, "m.jsonl:1"),
    ],
)
def test_ids(row: dict[str, Any], expected: str) -> None:
    assert parsed(**row).id == expected


def test_nemo() -> None:
    sample = parsed(audio_filepath="a.wav", offset=1.5, duration=2.0, text="hi", lang="en")
    assert sample == Sample("a", "hi", HERE / "a.wav", start=1.5, end=3.5)
    whole = parsed(audio_filepath="a.wav", duration=2.0, text="hi")
    assert (whole.start, whole.end) == (None, None)


BAD_ROWS = [
    ("[]", "is a JSON list"),
    ("3", "is a JSON int"),
    ("null", "is a JSON NoneType"),
    ('"a.wav"', "is a JSON str"),
    ('{"text": "a"}', "has neither 'path' nor 'strokes'; expected exactly one"),
    ('{"path": "a.wav", "strokes": []}', "has both 'path' and 'strokes'"),
    ('{"path": 3}', "'path' is 3; expected text in quotes"),
    ('{"path": ["a.wav"]}', "'path' is "),
    (r'{"path": "a\u0000.wav"}', r"'path' is 'a\\x00.wav'"),
    ('{"path": "a.wav", "text": 3}', "'text' is 3; expected text in quotes"),
    ('{"path": "a.wav", "text": ["a"]}', "'text' is "),
    (r'{"path": "a.wav", "text": "a\ud83d"}', r"'text' is 'a\\ud83d'; expected whole characters"),
    (r'{"path": "a.wav", "id": "\udc00"}', "'id' is "),
    ('{"path": "a.wav", "id": true}', "'id' is True"),
    ('{"path": "a.wav", "group": 1.5}', "'group' is 1.5"),
    ('{"path": "a.wav", "start": "1"}', "'start' is '1'; expected seconds"),
    ('{"path": "a.wav", "start": -1}', "'start' is -1; expected seconds, 0 or more"),
    ('{"path": "a.wav", "end": NaN}', "'end' is nan"),
    ('{"path": "a.wav", "end": 1e999}', "'end' is inf"),
    ('{"path": "a.wav", "end": 1' + 400 * "0" + "}", "'end' is 1000"),
    ('{"path": "a.wav", "end": true}', "'end' is True"),
    ('{"audio_filepath": "a.wav", "offset": -1}', "'offset' is -1"),
    ('{"audio_filepath": "a.wav", "offset": 1, "duration": "x"}', "'duration' is 'x'"),
    ('{"path": "a.png", "polygon": [[0, 0], [1, 1]]}', r"'polygon' has shape \(2, 2\); expected 3 or more"),
    ('{"path": "a.png", "polygon": [[0, 0], [1, 1], [1]]}', "'polygon' holds something that is no number"),
    ('{"path": "a.png", "polygon": {"x": 1}}', "'polygon' holds something that is no number"),
    ('{"path": "a.png", "baseline": [1, 2]}', r"'baseline' has shape \(2,\)"),
    ('{"strokes": 3}', "'strokes' is a int; expected a list of strokes"),
    ('{"strokes": [3]}', r"stroke 0 has shape \(\)"),
    ('{"strokes": [[]]}', r"stroke 0 has shape \(0,\)"),
    ('{"strokes": [[[0, 0]], [[1, 2, 3, 4]]]}', r"stroke 1 has shape \(1, 4\)"),
    ('{"strokes": [[[0, 0], [1]]]}', "'strokes' holds something that is no number"),
    ('{"strokes": [[["a", "b"]]]}', "'strokes' holds something that is no number"),
    ('{"strokes": [[["1", "2"]]]}', "'strokes' holds something that is no number"),
    ('{"strokes": [[[0, 0], [1, true]]]}', "'strokes' holds something that is no number"),
    ('{"strokes": [[[0, null]]]}', "'strokes' holds something that is no number"),
    ('{"path": "a.png", "polygon": [["0", 0], [1, 0], [1, 1]]}', "'polygon' holds something that is no number"),
    ('{"path": "a.png", "baseline": [[0, 0], [9, false]]}', "'baseline' holds something that is no number"),
    ('{"strokes": [[[0, NaN]]]}', "'strokes' holds NaN or infinity"),
    ('{"strokes": [[[0, 1' + 400 * "0" + "]]]}", "'strokes' holds"),
    ("{", "is not JSON: '{'"),
    ("hello", "is not JSON: 'hello'"),
    ("[" * 100_000, "is not JSON"),
    ('{"start": 1' + 5000 * "0" + "}", "is not JSON"),
    (b'{"path": "\xe9.wav"}', "is not UTF-8"),
    ('{"path": "a.wav"}'.encode("utf-16"), "is not UTF-8"),
]


@pytest.mark.parametrize(("line", "expected"), BAD_ROWS)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, line: str | bytes, expected: str) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    good = b'{"path": "%d.wav"}\n'
    (tmp_path / "m.jsonl").write_bytes(good % 1 + b"\n" + raw + b"\n" + good % 2)
    errors: list[SeqrecError] = []
    samples = list(read_manifest(tmp_path / "m.jsonl", errors.append))
    assert [sample.id for sample in samples] == ["1", "2"]
    assert errors[0].where == f"{tmp_path}/m.jsonl:3"
    assert list(Manifest(tmp_path / "m.jsonl", errors.append)) == samples
    assert str(errors[0]) == str(errors[1])
    with pytest.raises(DataError, match=rf"m\.jsonl:3: {expected}") as caught:
        list(read_manifest(tmp_path / "m.jsonl"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(b'\xef\xbb\xbf{"path": "a.wav"}\r\n\r\n{"path": "b.wav"}')
    assert [sample.id for sample in read_manifest(tmp_path / "m.jsonl")] == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_manifest_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.jsonl").write_bytes(content)
    for read in (read_manifest, Manifest):
        with pytest.raises(DataError, match=r"m\.jsonl: is empty"):
            list(read(tmp_path / "m.jsonl"))


def test_a_missing_manifest_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        for read in (read_manifest, Manifest):
            with pytest.raises(DataError, match="cannot be read"):
                list(read(path))


def manifest(folder: Path, texts: str = "abcdefgh") -> Manifest:
    """Samples with the given texts and with ink; with empty lines and bad ones between them."""
    rows = [f'\n{{"text": "{text}", "strokes": [[[{place}, 0]]]}}\nbad\n' for place, text in enumerate(texts)]
    (folder / "m.jsonl").write_text("".join(rows))
    return Manifest(folder / "m.jsonl", lambda error: None)


def texts(samples: Sequence[Sample]) -> str:
    return "".join(sample.text or "" for sample in samples)


@given(st.slices(8), st.slices(8), st.sets(st.integers(0, 7)))
def test_a_manifest_is_a_sequence(
    tmp_path_factory: pytest.TempPathFactory, part: slice, of_that: slice, places: set[int]
) -> None:
    opened = manifest(tmp_path_factory.mktemp("m"))
    assert texts(opened) == "abcdefgh"
    assert texts(opened[part]) == "abcdefgh"[part]
    assert texts(opened[part][of_that]) == "abcdefgh"[part][of_that]
    assert texts(opened.without(places)) == "".join(c for i, c in enumerate("abcdefgh") if i not in places)
    assert texts(pickle.loads(pickle.dumps(opened[part]))) == "abcdefgh"[part]


def test_single_samples_of_a_manifest(tmp_path: Path) -> None:
    opened = manifest(tmp_path)
    assert [opened[i].text for i in (0, 7, -1, 3)] == ["a", "h", "h", "d"]
    assert opened[3].id == opened[1:][2].id == f"{tmp_path}/m.jsonl:11"  # without an id, the line's place
    assert opened[3].strokes[0].tolist() == [[3, 0]]  # type: ignore[index]
    for i in (8, -9):
        with pytest.raises(IndexError):
            opened[i]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_manifest_that_changes_is_not_read_any_more(tmp_path: Path, replaced: bool) -> None:
    opened = manifest(tmp_path)
    if replaced:
        write_manifest(tmp_path / "m.jsonl", [Sample("a", "x", strokes=())])
    else:
        with open(tmp_path / "m.jsonl", "a") as out:
            out.write("\n")
    with pytest.raises(DataError, match=r"m\.jsonl: has changed since it was opened"):
        opened[0]


def test_paths_are_written_relative_to_the_manifest(tmp_path: Path) -> None:
    sample = Sample("a", path=tmp_path / "sound" / "a.wav")
    assert to_row(sample, tmp_path / "out") == {"id": "a", "path": "../sound/a.wav"}
    assert write_manifest(tmp_path / "out" / "m.jsonl", [sample]) == 1
    (read,) = read_manifest(tmp_path / "out" / "m.jsonl")
    assert read.path is not None
    assert read.path.resolve() == tmp_path / "sound" / "a.wav"


def test_a_failing_source_leaves_no_manifest(tmp_path: Path) -> None:
    def broken() -> Any:
        yield Sample("a", path=Path("a.wav"))
        raise DataError("corpus", "ends here")

    with pytest.raises(DataError, match="ends here"):
        write_manifest(tmp_path / "m.jsonl", broken())
    assert list(tmp_path.iterdir()) == []


def test_with_text_leaves_the_rest() -> None:
    assert Sample("a", "x", HERE, group="g").with_text("y") == Sample("a", "y", HERE, group="g")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SECONDS = st.none() | st.floats(0, 1e6)
NUMBERS = st.integers(-(10**7), 10**7).map(lambda n: n / 1000)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    ink, id = draw(st.booleans()), draw(WORDS.filter(bool))
    text, group = draw(st.none() | WORDS), draw(st.none() | WORDS)
    if ink:
        size = draw(st.sampled_from([2, 3]))
        points = st.lists(st.lists(NUMBERS, min_size=size, max_size=size), min_size=1, max_size=4)
        strokes = tuple(np.array(stroke) for stroke in draw(st.lists(points, max_size=3)))
        return Sample(id, text, strokes=strokes, group=group)
    name = draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=8))
    polygon = draw(st.none() | st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=5).map(tuple))
    return Sample(id, text, Path("/corpus") / f"x{name}", None, draw(SECONDS), draw(SECONDS), polygon, group=group)


@given(st.lists(samples(), min_size=1, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, given_samples: list[Sample]) -> None:
    path = tmp_path_factory.mktemp("round") / "m.jsonl"
    assert write_manifest(path, given_samples) == len(given_samples)
    read = list(read_manifest(path))
    assert path.read_text(encoding="utf-8").count("\n") == len(read)
    for before, after in zip(given_samples, read, strict=True):
        assert to_row(before, path.parent) == to_row(after, path.parent)
        assert (before.id, before.text, before.group, before.polygon) == (
            after.id,
            after.text,
            after.group,
            after.polygon,
        )
        assert (before.path is None) == (after.path is None)
        assert (before.start, before.end) == (after.start, after.end)
        for one, other in zip(before.strokes or (), after.strokes or (), strict=True):
            assert np.array_equal(one, other)
