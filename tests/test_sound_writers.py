"""writers of sounds: srt, vtt and textgrid, each read back by a strict reader."""

from __future__ import annotations

import io
import re
from html import unescape
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from seqrec.decoding import Hypothesis, Span
from seqrec.inputs import Document
from seqrec.writers import srt, textgrid, visible, vtt
from seqrec.writers._cues import LINE, LINES, cues

NOWHERE = Document(Path("none.wav"), Path())
Interval = tuple[float, float, str]


def hypothesis(*words: tuple[float, float, str], id: str = "a") -> Hypothesis:
    spans = tuple(Span(text, 0.5, start, end) for start, end, text in words)
    return Hypothesis(id, " ".join(text for *_, text in words), 0.5, words=spans, chars=spans, unit="s")


def written(module, *hypotheses: Hypothesis, document: Document = NOWHERE) -> str:
    out = io.StringIO()
    module.write(iter(hypotheses), out, document)
    return out.getvalue()


def shown(*hypotheses: Hypothesis) -> list[tuple[int, int, str]]:
    return [(cue.start, cue.end, "|".join(cue.lines)) for cue in cues(hypotheses)]


# Cues


def test_words_share_a_cue_until_a_pause():
    said = hypothesis((0.5, 0.9, "one"), (1.0, 1.6, "two"), (2.3, 2.5, "three"), (2.6, 4, "four"))
    assert shown(said) == [(500, 1600, "one two"), (2300, 4000, "three four")]


def test_a_pause_too_early_for_a_cue_does_not_end_it():
    assert shown(hypothesis((0, 0.2, "one"), (0.9, 1.0, "two"))) == [(0, 1000, "one two")]


def test_a_short_cue_is_shown_for_a_second_if_the_next_lets_it():
    assert shown(hypothesis((0, 0.2, "one"))) == [(0, 1000, "one")]
    assert shown(hypothesis((0, 0.2, "one")), hypothesis((0.5, 2, "two"))) == [(0, 500, "one"), (500, 2000, "two")]


def test_a_cue_ends_after_seven_seconds():
    said = hypothesis(*((n, n + 1, f"w{n}") for n in range(9)), (9, 20, "long"))
    assert shown(said) == [(0, 7000, "w0 w1 w2 w3 w4 w5 w6"), (7000, 9000, "w7 w8"), (9000, 16000, "long")]


def test_lines_are_filled_to_42_characters_and_two_a_cue():
    said = hypothesis(*((n / 10, n / 10 + 0.1, "x" * 9) for n in range(10)))
    full = " ".join(["x" * 9] * 4)
    assert [cue.lines for cue in cues([said])] == [[full, full], [" ".join(["x" * 9] * 2)]]


def test_a_word_longer_than_a_line_has_one_of_its_own():
    said = hypothesis((0, 1, "a"), (1, 2, "x" * 50), (2, 3, "b"))
    assert [cue.lines for cue in cues([said])] == [["a", "x" * 50], ["b"]]


def test_parts_of_a_sound_come_in_the_order_of_time_and_never_share_a_cue():
    parts = hypothesis((3, 5, "b")), hypothesis((0, 2, "a")), hypothesis((2, 3, "c")), Hypothesis("e", "", 1.0)
    assert shown(*parts) == [(0, 2000, "a"), (2000, 3000, "c"), (3000, 5000, "b")]


word = st.text(min_size=1).map(lambda text: "".join(text.split()) or "-->")
times = st.floats(0, 5)


@st.composite
def speech(draw: st.DrawFn) -> Hypothesis:
    at, words = draw(times), []
    for text in draw(st.lists(word, max_size=12)):
        start = at + draw(st.sampled_from([0.0, 0.0, 0.02, 0.5, 0.8, 3.0]))
        at = start + draw(st.one_of(st.floats(0, 1), times))
        words.append((start, at, text))
    return hypothesis(*words)


@given(st.lists(speech(), max_size=3))
def test_cues_lie_apart_and_hold_every_word(said):
    found = cues(said)
    for cue in found:
        assert cue.start < cue.end
        assert 1 <= len(cue.lines) <= LINES
        assert all(0 < len(line) <= LINE or " " not in line for line in cue.lines)
    for cue, following in pairwise(found):
        assert cue.end <= following.start
    held = sorted(text for cue in found for line in cue.lines for text in line.split(" "))
    assert held == sorted(visible(span.text) for each in said for span in each.words)


@given(speech())
def test_cues_of_one_speaker_are_shown_for_one_to_seven_seconds(said):
    found = cues([said])
    for number, cue in enumerate(found):
        assert cue.end - cue.start <= 7001
        last = number == len(found) - 1
        # Cues that begin at one time are put a millisecond apart.
        assert cue.end - cue.start >= 999 - number or (not last and found[number + 1].start - cue.end <= 1)


# SubRip and WebVTT

SRT_TIME = re.compile(r"(\d\d+):([0-5]\d):([0-5]\d),(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d),(\d{3})")
VTT_TIME = re.compile(SRT_TIME.pattern.replace(",", r"\."))


def read_blocks(blocks: list[str], time: re.Pattern[str]) -> list[tuple[int, int, str]]:
    found = []
    for block in blocks:
        head, *lines = block.split("\n")
        h, m, s, ms, *until = map(int, time.fullmatch(head).groups())
        start = ((h * 60 + m) * 60 + s) * 1000 + ms
        end = ((until[0] * 60 + until[1]) * 60 + until[2]) * 1000 + until[3]
        assert lines
        assert all(lines)
        assert not any("-->" in line for line in lines)
        found.append((start, end, "|".join(lines)))
    return found


def read_srt(text: str) -> list[tuple[int, int, str]]:
    assert text == "" or text.endswith("\n\n")
    blocks = text.split("\n\n")[:-1]
    assert [block.partition("\n")[0] for block in blocks] == [str(n) for n in range(1, len(blocks) + 1)]
    return read_blocks([block.partition("\n")[2] for block in blocks], SRT_TIME)


def read_vtt(text: str) -> list[tuple[int, int, str]]:
    head, *blocks = text.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT"
    found = read_blocks(blocks, VTT_TIME)
    for *_, said in found:
        assert not re.search(r"<|>|&(?!(amp|lt|gt);)", said)
    return [(start, end, re.sub("&(amp|lt|gt);", lambda e: unescape(e[0]), said)) for start, end, said in found]


def test_srt():
    said = hypothesis((0, 1.5, "a-->b"), (3661.25, 3663, "<i>1"), (3663, 3664, "2"))
    assert written(srt, said) == (
        "1\n00:00:00,000 --> 00:00:01,500\na→b\n\n2\n01:01:01,250 --> 01:01:04,000\n<i>1 2\n\n"
    )
    assert written(srt) == ""


def test_vtt():
    said = hypothesis((0, 1.5, "a-->b"), (360_000, 360_002, "<i>&amp;"))
    assert written(vtt, said) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na--&gt;b\n\n"
        "100:00:00.000 --> 100:00:02.000\n&lt;i&gt;&amp;amp;\n"
    )  # fmt: skip
    assert written(vtt) == "WEBVTT\n"


@given(st.lists(speech(), max_size=2))
def test_subtitles_are_read_back(said):
    expected = shown(*said)
    assert read_vtt(written(vtt, *said)) == expected
    assert read_srt(written(srt, *said)) == [(a, b, text.replace("-->", "→")) for a, b, text in expected]


# TextGrid


def read_textgrid(text: str) -> tuple[float, dict[str, list[Interval]]]:
    """Strictly what Praat writes as "long text": every line in its place."""
    lines = iter(text.split("\n"))

    def take(pattern: str) -> str:
        found = re.fullmatch(pattern, next(lines))
        assert found, pattern
        return found[1] if found.groups() else ""

    for pattern in ('File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0"):
        take(pattern)
    end = float(take(r"xmax = (\S+)"))
    take("tiers\\? <exists>")
    size = int(take(r"size = (\d+)"))
    take(r"item \[\]:")
    tiers = {}
    for number in range(1, size + 1):
        take(rf"    item \[{number}\]:")
        take('        class = "IntervalTier"')
        name = take('        name = "(.*)"')
        take("        xmin = 0")
        assert float(take(r"        xmax = (\S+)")) == end
        count, tiers[name] = int(take(r"        intervals: size = (\d+)")), []
        for place in range(1, count + 1):
            take(rf"        intervals \[{place}\]:")
            start, stop = float(take(r"            xmin = (\S+)")), float(take(r"            xmax = (\S+)"))
            said = take('            text = "((?:[^"]|"")*)"').replace('""', '"')
            tiers[name].append((start, stop, said))
    assert list(lines) == [""]
    for intervals in tiers.values():
        assert intervals[0][0] == 0
        assert intervals[-1][1] == end
        assert all(start < stop for start, stop, _ in intervals)
        assert all(a[1] == b[0] for a, b in pairwise(intervals))
    return end, tiers


def test_textgrid_fills_the_sound(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(12000), 8000)
    said = Hypothesis(
        "a",
        'say "x"',
        1.0,
        words=(Span("say", 1.0, 0.25, 0.5), Span('"x"', 1.0, 0.5, 1.0)),
        chars=(Span("s", 1.0, 0.25, 0.3), Span(" ", 1.0, 0.3, 0.5), Span("x", 1.0, 0.5, 1.0)),
    )
    end, tiers = read_textgrid(written(textgrid, said, document=Document(tmp_path / "a.wav", tmp_path)))
    assert end == 1.5
    assert tiers == {
        "words": [(0, 0.25, ""), (0.25, 0.5, "say"), (0.5, 1, '"x"'), (1, 1.5, "")],
        "chars": [(0, 0.25, ""), (0.25, 0.3, "s"), (0.3, 0.5, ""), (0.5, 1, "x"), (1, 1.5, "")],
    }


def test_textgrid_of_nothing_is_one_empty_interval(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    _, tiers = read_textgrid(written(textgrid, document=Document(tmp_path / "a.wav", tmp_path)))
    assert tiers == {"words": [(0, 0.1, "")], "chars": [(0, 0.1, "")]}


@given(st.lists(speech(), max_size=3))
def test_textgrids_are_read_back(said):
    _, tiers = read_textgrid(written(textgrid, *said))
    spans = sorted((span for each in said for span in each.words), key=lambda span: span.start)
    assert [text for *_, text in tiers["words"] if text] == [visible(span.text) for span in spans]


@pytest.mark.parametrize("module", [srt, vtt, textgrid])
@given(said=speech())
def test_control_characters_never_reach_a_file(module, said):
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", written(module, said))
