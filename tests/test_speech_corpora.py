"""The readers of speech corpora: what each format's description says, and all that can be wrong with a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from seqrec import corpora
from seqrec.corpora import NoSplit, commonvoice, kaldi, librispeech, ljspeech, nemo, textgrid, timit
from seqrec.corpora._source import Source
from seqrec.errors import ConfigError, DataError, SeqrecError
from seqrec.features._sound import read_sound
from seqrec.samples import Sample, raise_error
from tests import speech
from tests.speech import sound, text

MAKERS: dict[str, Callable[[Path], Path]] = {
    "commonvoice": speech.commonvoice, "kaldi": speech.kaldi, "librispeech": speech.librispeech,
    "ljspeech": speech.ljspeech, "nemo": speech.nemo, "textgrid": speech.textgrid, "timit": speech.timit,
}  # fmt: skip


def found(name: str, source: Path, **options: str) -> tuple[list[Sample], list[str]]:
    """The samples, and what went to on_error."""
    errors: list[SeqrecError] = []
    samples = list(corpora.reader(name).read(source, errors.append, **options))
    return samples, [str(error) for error in errors]


def ids(samples: list[Sample]) -> list[str]:
    return [sample.id for sample in samples]


# All of them


@pytest.mark.parametrize("name", MAKERS)
def test_every_sound_can_be_heard(name: str, tmp_path: Path) -> None:
    samples, errors = found(name, MAKERS[name](tmp_path))
    assert errors == []
    for sample in samples:
        assert sample.path is not None
        assert len(read_sound(sample.path, sample.start, sample.end, speech.RATE, 10)) > 100


@pytest.mark.parametrize("name", MAKERS)
def test_a_source_tells_its_format_and_no_other(name: str, tmp_path: Path) -> None:
    source = MAKERS[name](tmp_path / "in" / "a folder")
    for path in (source, source.parent):
        signs = {other: corpora.reader(other).signs(Source(path)) for other in MAKERS}
        sure = {other: sign for other, sign in signs.items() if sign and sign.sure == 3}
        assert list(sure) == [name]
        again, _ = found(name, sure[name].root)
        assert [sample.path for sample in again] == [sample.path for sample in found(name, source)[0]]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_windows_line_ends_and_marks_change_nothing(name: str, end: str, tmp_path: Path) -> None:
    wanted = found(name, MAKERS[name](tmp_path))
    for path in texts_of(tmp_path):
        raw = path.read_bytes()
        content = raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8")
        path.write_bytes(content.replace("\n", end).encode("utf-8-sig"))
    assert found(name, tmp_path) == wanted


@pytest.mark.parametrize("name", ["commonvoice", "kaldi", "ljspeech", "nemo"])
def test_of_several_corpora_one_must_be_named(name: str, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        MAKERS[name](tmp_path / folder)
    with pytest.raises(DataError, match=r"holds .* in 2 folders: one, two; expected one\. Name it"):
        corpora.reader(name).signs(Source(tmp_path))


def test_what_kaldi_split_is_no_corpus_of_its_own(tmp_path: Path) -> None:
    speech.kaldi(tmp_path)
    for name in ("text", "wav.scp"):
        text(tmp_path / "train" / "split2" / "1" / name, (tmp_path / "train" / name).read_bytes())
    sign = kaldi.signs(Source(tmp_path))
    assert sign == (3, "holds test/text and test/wav.scp", tmp_path)
    assert len(list(kaldi.read(sign.root, raise_error))) == 4


def texts_of(folder: Path) -> list[Path]:
    sounds = (".wav", ".flac", ".mp3", ".sph")
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix.lower() not in sounds]


@pytest.mark.parametrize("name", MAKERS)
def test_a_missing_sound_is_named_and_the_rest_is_read(name: str, tmp_path: Path) -> None:
    source = MAKERS[name](tmp_path)
    samples, _ = found(name, source)
    lost = samples[-1].path
    assert lost is not None
    lost.unlink()
    rest, errors = found(name, source)
    assert ids(rest) == [sample.id for sample in samples if sample.path != lost]
    assert len(errors) == 1
    assert lost.stem in errors[0]


JUNK = {
    "NUL": bytes(3000),
    "Latin-1": "é ü|ö\t\n".encode("latin-1") * 3,
    "UTF-16": "a|b|c\n".encode("utf-16") * 3,
    "long": b"x" * (11 << 20),
    "long lines": (b"y " * (1 << 20) + b"\n") * 2,
    "nothing": b"",
    "blank": b" \n\t\n\r\n",
    "quotes": b'"' * 999,
    "one word": b"word\nword\n",
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_in_any_file_is_named_without_a_crash(name: str, junk: str, tmp_path: Path) -> None:
    source = MAKERS[name](tmp_path)
    whole = found(name, source)[0]
    for path in texts_of(tmp_path):
        if path.name in ("SPEAKERS.TXT", "validated.tsv") or (name == "timit" and path.suffix != ".WRD"):
            continue
        content = path.read_bytes()
        path.write_bytes(JUNK[junk])
        samples, errors = found(name, source)
        path.write_bytes(content)
        assert len(samples) <= len(whole)
        assert errors or len(samples) == len(whole), path
        assert len(errors) < 10
        assert all("\n" not in error and len(error) < 700 for error in errors)


@pytest.mark.parametrize("name", MAKERS)
def test_a_text_file_cut_anywhere_is_no_crash(name: str, tmp_path: Path) -> None:
    source = MAKERS[name](tmp_path)
    for path in texts_of(tmp_path)[:6]:
        whole = path.read_bytes()
        for size in range(0, len(whole), max(1, len(whole) // 12)):
            path.write_bytes(whole[:size])
            with suppress(DataError):
                found(name, source)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", MAKERS)
def test_links_in_a_circle_do_no_harm(name: str, tmp_path: Path) -> None:
    source = MAKERS[name](tmp_path)
    wanted = found(name, source)
    os.symlink(tmp_path, tmp_path / "again")
    os.symlink("self.trans.txt", tmp_path / "self")
    assert found(name, source) == wanted


@pytest.mark.parametrize("name", MAKERS)
def test_pipes_are_not_waited_for(name: str, tmp_path: Path) -> None:
    source = MAKERS[name](tmp_path)
    for file in texts_of(source):
        file.unlink()
        os.mkfifo(file)
    with suppress(DataError):
        samples, errors = found(name, source)
        assert samples == []
        assert errors


def test_a_subset_may_be_a_link(tmp_path: Path) -> None:
    speech.librispeech(tmp_path / "disk")
    (tmp_path / "corpus").mkdir()
    os.symlink(tmp_path / "disk" / "LibriSpeech" / "dev-other", tmp_path / "corpus" / "dev-other")
    assert [part for part, _ in librispeech.splits(tmp_path / "corpus", raise_error)] == ["dev"]


# NIST SPHERE


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW", "ALAW"])
def test_sphere_is_read(subtype: str, tmp_path: Path) -> None:
    path, tone = tmp_path / "x.WAV", 0.5 * np.sin(np.arange(4000) * 0.2)
    soundfile.write(path, tone, 8000, format="NIST", subtype=subtype)
    np.testing.assert_allclose(read_sound(path, 0.25, 0.5, 8000, 10), tone[2000:], atol=0.02)


def test_shortened_sphere_is_named(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.sph")
    coding = b"sample_coding -s26 pcm,embedded-shorten-v2.00"
    path.write_bytes(path.read_bytes().replace(b"sample_coding -s3 pcm", coding)[:-40])
    with pytest.raises(DataError, match=r"is compressed SPHERE \(shorten\); .* Unpack it with: sph2pipe -f wav FILE"):
        read_sound(path, None, None, 8000, 10)


def test_sphere_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.sph")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"is cut off: \d+ of \d+ samples are there"):
        read_sound(path, None, None, 8000, 10)


# LibriSpeech


def test_librispeech(tmp_path: Path) -> None:
    root = speech.librispeech(tmp_path) / "LibriSpeech"
    expected = [
        ("dev", Sample("7-9-0000", "GO DO 0", root / "dev-other/7/9/7-9-0000.flac", group="7")),
        ("train", Sample("84-121-0000", "GO DO 0", root / "train-clean-5/84/121/84-121-0000.flac", group="84")),
        ("train", Sample("84-121-0001", "GO DO 1", root / "train-clean-5/84/121/84-121-0001.flac", group="84")),
        ("train", Sample("84-122-0000", "GO DO 0", root / "train-clean-5/84/122/84-122-0000.flac", group="84")),
    ]
    assert list(librispeech.splits(tmp_path, raise_error)) == expected
    assert list(librispeech.splits(root, raise_error)) == expected
    assert list(librispeech.splits(root / "train-clean-5" / "84", raise_error)) == expected[1:]


def test_librispeech_converted_and_without_subsets(tmp_path: Path) -> None:
    sound(tmp_path / "5-6-0000.wav")
    sound(tmp_path / "5-6-0001.mp3")
    text(tmp_path / "5-6.trans.txt", "5-6-0000 A\n5-6-0001 B\n")
    samples, errors = found("librispeech", tmp_path)
    assert errors == []
    assert [(s.id, s.path and s.path.suffix) for s in samples] == [("5-6-0000", ".wav"), ("5-6-0001", ".mp3")]
    with pytest.raises(NoSplit, match="expected folders such as train-clean-100"):
        list(librispeech.splits(tmp_path, raise_error))


def test_what_is_wrong_in_librispeech(tmp_path: Path) -> None:
    root = speech.librispeech(tmp_path) / "LibriSpeech"
    chapter = root / "dev-other/7/9"
    for n in (1, 2):
        sound(chapter / f"7-9-000{n}.flac")
    lines = b"7-9-0000 A\n7-9-0000 B\n7-9-0001\n7-9-0009 C\n7-9-0001 \xe9\n"
    text(chapter / "7-9.trans.txt", lines)
    samples, errors = found("librispeech", root / "dev-other")
    assert ids(samples) == ["7-9-0000"]
    assert [error.removeprefix(str(chapter) + "/") for error in errors] == [
        "7-9.trans.txt:2: the id '7-9-0000' came before; expected an id for each sample. Remove one of the two",
        "7-9.trans.txt:3: has no text; expected an id, a space and the text",
        "7-9.trans.txt:4: there is no sound '7-9-0009'; expected 7-9-0009.flac beside the transcript",
        "7-9.trans.txt:5: is not UTF-8 (byte 9); expected UTF-8 text. Save the file as UTF-8",
        "7-9-0002.flac: has no text; expected a line in a *.trans.txt beside it",
    ]


def test_a_chapter_without_transcript_is_named(tmp_path: Path) -> None:
    chapter = speech.librispeech(tmp_path) / "LibriSpeech/dev-other/7/9"
    (chapter / "7-9.trans.txt").unlink()
    assert [str(error) for error in found("librispeech", tmp_path)[1]] == [
        f"{chapter}/7-9-0000.flac: has no text; expected a line in a *.trans.txt beside it"
    ]


def test_what_is_outside_of_the_subsets_is_named(tmp_path: Path) -> None:
    root = speech.librispeech(tmp_path) / "LibriSpeech"
    sound(root / "more" / "1-2-0000.flac")
    text(root / "more" / "1-2.trans.txt", "1-2-0000 A\n")
    errors: list[SeqrecError] = []
    assert len(list(librispeech.splits(root, errors.append))) == 4
    assert [str(error) for error in errors] == [
        f"{root}/more: is of no subset; expected a folder such as train-clean-100 above it"
    ]


# LJ Speech


def test_ljspeech(tmp_path: Path) -> None:
    source = speech.ljspeech(tmp_path)
    expected = [
        Sample("LJ001-0001", "in two", tmp_path / "wavs/LJ001-0001.wav"),
        Sample("LJ001-0002", '"so," he said', tmp_path / "wavs/LJ001-0002.wav"),
    ]
    assert list(ljspeech.read(source, raise_error)) == expected
    assert list(ljspeech.read(source / "metadata.csv", raise_error)) == expected


def test_ljspeech_with_two_fields_and_suffixes(tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac"):
        sound(tmp_path / "wavs" / name)
    text(tmp_path / "metadata.csv", "a.wav| one \nb|two")
    assert [s.text for s in ljspeech.read(tmp_path, raise_error)] == ["one", "two"]


def test_what_is_wrong_in_ljspeech(tmp_path: Path) -> None:
    speech.ljspeech(tmp_path)
    bad = (
        "LJ001-0001|a|b\nLJ001-0002|a|\n|a|b\nx|a|b\nLJ001-0002|a\nLJ001-0002|a|b|c\nLJ001-0001|a|b\nLJ001-0002|\0|b\n"
    )
    text(tmp_path / "metadata.csv", bad)
    samples, errors = found("ljspeech", tmp_path)
    assert ids(samples) == ["LJ001-0001"]
    assert [error.removeprefix(f"{tmp_path}/metadata.csv:").partition(";")[0] for error in errors] == [
        "2: has no text", "3: has no id", "4: there is no sound 'x'", "5: has 2 fields", "6: has 4 fields",
        "7: the id 'LJ001-0001' came before", "8: holds NUL characters",
    ]  # fmt: skip


def test_sounds_that_ljspeech_does_not_name_are_told(tmp_path: Path) -> None:
    sound(speech.ljspeech(tmp_path) / "wavs" / "more.wav")
    assert found("ljspeech", tmp_path)[1] == [f"{tmp_path}/wavs/more.wav: has no text; expected a line in metadata.csv"]


# Common Voice


def test_commonvoice(tmp_path: Path) -> None:
    source = speech.commonvoice(tmp_path)
    found = list(commonvoice.splits(source, raise_error))
    assert [(part, sample.id) for part, sample in found] == [
        ("train", "cv_a"), ("train", "cv_b"), ("dev", "cv_c"), ("test", "cv_d"),
    ]  # fmt: skip
    assert found[0][1] == Sample("cv_a", 'He said "a".', tmp_path / "clips/cv_a.mp3", group="aaaaaaaa")


def test_a_table_of_commonvoice(tmp_path: Path) -> None:
    table = speech.commonvoice(tmp_path) / "validated.tsv"
    assert ids(list(commonvoice.read(table, raise_error))) == ["cv_a", "cv_b", "cv_c", "cv_d", "cv_e"]
    with pytest.raises(NoSplit):
        list(commonvoice.splits(table, raise_error))
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.tsv").unlink()
    assert len(list(commonvoice.read(tmp_path, raise_error))) == 5
    with pytest.raises(NoSplit):
        list(commonvoice.splits(tmp_path, raise_error))


def test_several_languages_are_told(tmp_path: Path) -> None:
    for language in ("de", "fr"):
        speech.commonvoice(tmp_path / language)
    with pytest.raises(DataError, match=r"holds no table; .* Give one of its languages: de, fr"):
        list(commonvoice.read(tmp_path, raise_error))


def test_what_is_wrong_in_commonvoice(tmp_path: Path) -> None:
    speech.commonvoice(tmp_path)
    rows = [
        "u\tcv_a\tno suffix, once allowed",
        "u\tcv_a.mp3\tagain",
        "u\tcv_b.mp3\t ",
        "u\t\tx",
        "u\tno.mp3\tx",
        "u\tcv_b.mp3",
    ]
    table = text(tmp_path / "train.tsv", "client_id\tpath\tsentence\n" + "\n".join([*rows, '\tcv_b.mp3\t"open', ""]))
    samples, errors = found("commonvoice", table)
    assert [(s.id, s.text, s.group) for s in samples] == [
        ("cv_a", "no suffix, once allowed", "u"),
        ("cv_b", '"open', None),
    ]
    assert [error.removeprefix(f"{table}:").partition(";")[0] for error in errors] == [
        "3: the id 'cv_a' came before", "4: has no sentence", "5: has no path", "6: there is no clip 'no.mp3'",
        "7: has 2 cells",
    ]  # fmt: skip
    text(table, "a\tb\nc\td\n")
    assert found("commonvoice", table) == (
        [],
        [f"{table}: begins with 'a, b'; expected the columns client_id, path, sentence, ..."],
    )


# TIMIT


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "go now tom"), ({"unit": "text"}, "Go now, Tom."), ({"unit": "phones"}, "h# g ow n h#")],
)
def test_timit(options: dict[str, str], said: str, tmp_path: Path) -> None:
    source = speech.timit(tmp_path)
    found = list(timit.splits(source, raise_error, **options))
    assert [(part, sample.id) for part, sample in found] == [
        ("dev", "faks0_si648"), ("dev", "faks0_sx37"), ("test", "mdab0_si648"), ("test", "mdab0_sx37"),
        ("train", "fcjf0_si648"), ("train", "fcjf0_sx37"),
    ]  # fmt: skip
    assert found[-1][1] == Sample("fcjf0_sx37", said, tmp_path / "TIMIT/TRAIN/DR1/FCJF0/SX37.WAV", group="fcjf0")


def test_timit_in_small_letters_flat_and_converted(tmp_path: Path) -> None:
    sound(tmp_path / "dr1-fvmh0" / "sx36.WAV", kind="NIST")
    sound(tmp_path / "dr1-fvmh0" / "sx36.WAV.wav")
    text(tmp_path / "dr1-fvmh0" / "sx36.wrd", "0 9 hi\n")
    [sample] = timit.read(tmp_path, raise_error)
    assert (sample.id, sample.text, sample.group) == ("fvmh0_sx36", "hi", "fvmh0")
    with pytest.raises(NoSplit, match="expected folders named train and test"):
        list(timit.splits(tmp_path, raise_error))


def test_the_core_test_set_and_dev_are_disjoint() -> None:
    assert len(timit._CORE.split()) == 24
    assert len(timit._DEV.split()) == 50
    assert len(timit._PART_IN_TEST) == 74


def test_other_speakers_of_test_are_in_no_part(tmp_path: Path) -> None:
    source = speech.timit(tmp_path) / "TIMIT"
    (source / "TEST/DR1/FAKS0").rename(source / "TEST/DR1/FAAA0")
    assert {sample.group for _, sample in timit.splits(source, raise_error)} == {"mdab0", "fcjf0"}
    assert {sample.group for sample in timit.read(source, raise_error)} == {"faaa0", "mdab0", "fcjf0"}
    (source / "TEST/DR1/MDAB0").rename(source / "TEST/DR1/MAAA0")
    with pytest.raises(DataError, match=r"has none of the speakers of the core test set or of dev .* Use --split"):
        list(timit.splits(source, raise_error))


def test_what_is_wrong_in_timit(tmp_path: Path) -> None:
    folder = speech.timit(tmp_path) / "TIMIT/TRAIN/DR1/FCJF0"
    sound(folder / "SI1.WAV")
    text(folder / "SI2.WRD", "0 9 hi\n")
    for name, content in (
        ("SI3", "0 nine hi\n"),
        ("SI4", ""),
        ("SI5", "0 9\n"),
        ("SI6", "0 9 hi\n9 12 \xe9".encode("latin-1")),
    ):
        sound(folder / f"{name}.WAV")
        text(folder / f"{name}.WRD", content)
    samples, errors = found("timit", folder)
    assert ids(samples) == ["fcjf0_si648", "fcjf0_sx37"]
    assert [error.removeprefix(f"{folder}/").partition(";")[0] for error in errors] == [
        "SI1.WAV: has no text", "SI2.WRD: has no sound", "SI3.WRD:1: '0 nine hi'", "SI4.WRD: holds 0 labels",
        "SI5.WRD:1: '0 9'", "SI6.WRD:2: is not UTF-8 (byte 5)",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="--unit: 'syllables'; expected one of words, text, phones"):
        list(timit.read(folder, raise_error, unit="syllables"))


# Kaldi


def test_kaldi(tmp_path: Path) -> None:
    source = speech.kaldi(tmp_path)
    r1, r2 = tmp_path / "wav/r1.wav", tmp_path / "wav/r2.sph"
    expected = [
        ("train", Sample("ann-1", "HI THERE", r1, start=0.0, end=0.5, group="ann")),
        ("train", Sample("ann-2", "YES", r1, start=0.5, end=1.25, group="ann")),
        ("train", Sample("bob-1", "NO", r1, start=1.25, group="bob")),
        ("test", Sample("r2", "GO", r2, group="r2")),
    ]
    assert list(kaldi.splits(source, raise_error)) == expected
    assert list(kaldi.read(source / "train", raise_error)) == [sample for _, sample in expected[:3]]
    with pytest.raises(NoSplit):
        list(kaldi.splits(source / "train", raise_error))


def test_other_data_folders_have_no_split(tmp_path: Path) -> None:
    speech.kaldi(tmp_path)
    for name, other in (("train", "one"), ("test", "two")):
        (tmp_path / name).rename(tmp_path / other)
    assert ids(list(kaldi.read(tmp_path, raise_error))) == ["ann-1", "ann-2", "bob-1", "r2"]
    with pytest.raises(NoSplit, match="data folders such as train, dev, valid, test, eval"):
        list(kaldi.splits(tmp_path, raise_error))


def test_commands_are_never_run(tmp_path: Path) -> None:
    speech.kaldi(tmp_path)
    made = tmp_path / "made"
    text(tmp_path / "train" / "wav.scp", f"r1 touch {made} |\n")
    samples, errors = found("kaldi", tmp_path / "train")
    assert samples == []
    assert not made.exists()
    [error] = errors
    assert error.startswith(f"{tmp_path}/train/wav.scp:1: 'touch {made} |'"[:60])
    assert "is a command, which is not run (its 3 segments are left out); expected the path of a sound" in error
    assert "Name the file itself, as FLAC, MP3, OGG and SPHERE are read as they are" in error


def test_what_is_wrong_in_kaldi(tmp_path: Path) -> None:
    folder = speech.kaldi(tmp_path) / "train"
    text(folder / "wav.scp", "r1 wav/r1.wav\nr3 raw.ark:1234\nr4 wav/none.wav\nr1 again.wav\nr5\n")
    segments = (
        "a r1 0 1,b r1 1 0.5,c r1 0.1,d r1 0 1 B,e r1 x 1,f r9 0 1,g r3 0 1,h r1 nan 1,a r1 0 1,i r1 0 1,j r1 0 1"
    )
    text(folder / "segments", segments.replace(",", "\n"))
    text(folder / "utt2spk", "".join(f"{n} ann\n" for n in "abcdefghz") + "i\n")
    text(folder / "text", "".join(f"{n} YES\n" for n in "bcdefghz") + "a  TWO  words \na\ni X\nj X\n")
    samples, errors = found("kaldi", folder)
    assert [(s.id, s.text, s.start, s.end) for s in samples] == [("a", "TWO  words", 0, 1)]
    assert [error.removeprefix(f"{folder}/").partition("; expected")[0] for error in errors] == [
        f"segments:9: 'a' came before, in {folder}/segments:1",
        "segments:2: lasts from 1 s to 0.5 s",
        "segments:3: has 3 fields",
        "segments:4: wants channel 'B'",
        "segments:5: 'x' is no time",
        "segments:8: 'nan' is no time",
        f"wav.scp:4: 'r1' came before, in {folder}/wav.scp:1",
        "wav.scp:2: 'raw.ark:1234' lies in an archive (its 1 segments are left out)",
        "wav.scp:3: there is no file 'wav/none.wav'",
        "wav.scp:5: there is no file ''",
        f"text:10: 'a' came before, in {folder}/text:9",
        *(f"text:{n}: '{name}' is not in segments, or its line there is bad" for n, name in enumerate("bcde", 1)),
        "text:5: 'r9' is not in wav.scp, or its line there is bad",
        "text:7: 'h' is not in segments, or its line there is bad",
        "text:8: 'z' is not in segments, or its line there is bad",
        "text:11: 'i' has no speaker",
        "text:12: 'j' is not in utt2spk, or its line there is bad",
    ]


def test_recordings_and_segments_without_text_are_named(tmp_path: Path) -> None:
    folder = speech.kaldi(tmp_path) / "train"
    text(folder / "text", "ann-1 HI\nann-2\n")
    assert [error.partition(";")[0] for error in found("kaldi", folder)[1]] == [
        f"{folder}/text:2: 'ann-2' has no text",
        f"{folder}/segments: 'bob-1' is not in text",
    ]
    text(tmp_path / "test" / "text", "x GO\n")
    assert [error.partition(";")[0] for error in found("kaldi", tmp_path / "test")[1]] == [
        f"{tmp_path}/test/text:1: 'x' is not in wav.scp, or its line there is bad",
        f"{tmp_path}/test/wav.scp: 'r2' is not in text",
    ]


# NeMo


def test_nemo(tmp_path: Path) -> None:
    source = speech.nemo(tmp_path)
    a, b = tmp_path / "wavs/a.wav", tmp_path / "wavs/b.wav"
    expected = [
        ("train", Sample("a", "hi", a, start=0.25, end=0.75, group="ann")),
        ("train", Sample("a_2", "you", a, start=0.75, end=1.0, group="7")),
        ("dev", Sample("b", "go", b)),
    ]
    assert list(nemo.splits(source, raise_error)) == expected
    assert list(nemo.read(source / "train_manifest.json", raise_error)) == [sample for _, sample in expected[:2]]
    text(tmp_path / "more.json", json.dumps({"audio_filepath": "wavs/b.wav", "text": "go"}))
    assert ids(list(nemo.read(source, raise_error))) == ["b", "a", "a_2", "b_2"]
    with pytest.raises(NoSplit):
        list(nemo.splits(source, raise_error))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train_manifest", "train"), ("dev-clean", "dev"), ("validation", "dev"), ("an4_val", "dev"),
        ("test_other", "test"),
        ("training", ""), ("train_test", ""), ("testing", ""), ("latest", ""), ("manifest", ""),
    ],
)  # fmt: skip
def test_the_part_that_a_manifests_name_tells(name: str, part: str) -> None:
    assert nemo._part(Path(f"{name}.json")) == part


def test_what_is_wrong_in_nemo(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    good = {"audio_filepath": "a.wav", "text": "x", "duration": 0.2}
    rows = [
        good, {**good, "audio_filepath": "b.wav"}, {**good, "text": " "}, {"audio_filepath": "a.wav"},
        {**good, "text": 7}, {**good, "duration": "1"},
        {**good, "audio_filepath": ["a.wav", "b.wav"]}, {**good, "speaker": {}}, [],
        {"id": "i", "text": "x", "strokes": [[[0, 0]]]}, {**good, "audio_filepath": "a\0.wav"},
    ]  # fmt: skip
    manifest = text(tmp_path / "m.json", "\n".join(json.dumps(row) for row in rows) + "\n{nothing\n")
    samples, errors = found("nemo", manifest)
    assert ids(samples) == ["a"]
    assert [error.removeprefix(str(manifest)).partition(";")[0] for error in errors] == [
        f": b: there is no file '{tmp_path}/b.wav'", ": a: has no text", ": a: has no text", ":5: 'text' is 7",
        ":6: 'duration' is '1'", ":7: 'path' is ['a.wav', 'b.wav']", ":8: 'group' is {}", ":9: is a JSON list",
        ": i: is ink", ":11: 'path' is 'a\\x00.wav'", ":12: is not JSON: '{nothing'",
    ]  # fmt: skip


# TextGrid


def test_textgrid(tmp_path: Path) -> None:
    source = speech.textgrid(tmp_path)
    r1, r2 = tmp_path / "ann/r1.wav", tmp_path / "r2.flac"
    assert list(textgrid.read(source, raise_error)) == [
        Sample("r2-2", 'he said "go"', r2, start=0.5, end=1.0, group="r2"),
        Sample("r2-3", "naïve", r2, start=1.0, end=1.5, group="r2"),
        Sample("ann/r1-2", 'he said "go"', r1, start=0.5, end=1.0, group="ann"),
        Sample("ann/r1-3", "naïve", r1, start=1.0, end=1.5, group="ann"),
    ]
    [*of_one] = textgrid.read(tmp_path / "ann" / "r1.TextGrid", raise_error)
    assert [(sample.id, sample.group) for sample in of_one] == [("r1-2", "r1"), ("r1-3", "r1")]


def grid(*tiers: tuple[str, list[tuple[float, float, str]]]) -> str:
    """A TextGrid of interval tiers, in the short format."""
    values: list[object] = [0, 9, "<exists>", len(tiers)]
    for name, intervals in tiers:
        values += ['"IntervalTier"', quoted(name), 0, 9, len(intervals)]
        values += [value for start, end, label in intervals for value in (start, end, quoted(label))]
    return "\n".join(['File type = "ooTextFile"', 'Object class = "TextGrid"', "", *map(str, values), ""])


def quoted(label: str) -> str:
    return '"' + label.replace('"', '""') + '"'


LABELS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\x1c\x1d\x1e\x85\u2028\u2029"), max_size=8
)


@given(
    st.lists(st.tuples(LABELS, st.lists(LABELS, max_size=4)), max_size=4),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_praat_writes_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, tiers: list[tuple[str, list[str]]], encoding: str
) -> None:
    wanted = [(name, [(n, n + 0.5, label) for n, label in enumerate(labels)]) for name, labels in tiers]
    path = tmp_path_factory.mktemp("grid") / "x.TextGrid"
    path.write_bytes(grid(*wanted).encode(encoding))
    assert textgrid.parse(path, raise_error) == [(name, intervals) for name, intervals in wanted]


def test_comments_units_and_loose_order_are_allowed(tmp_path: Path) -> None:
    path = text(
        tmp_path / "x.TextGrid",
        'File type = "ooTextFile short"\n"TextGrid"\n! 7 tiers "or" not\n0s 1s <exists> 1 ! how many\n'
        '"IntervalTier" "a" 0s 1s 1 0s 1e0s ! "no"\n"yes ! this"',
    )
    assert textgrid.parse(path, raise_error) == [("a", [(0, 1, "yes ! this")])]


WORDS, PHONES = [(0.0, 1.0, "hello there"), (1.0, 2.0, "")], [(0.0, 0.5, "h"), (0.5, 2.0, "e")]


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["phones", "words"], ["words"]),
        (["words", "phones"], ["words"]),
        (["ann - words", "ann - phones", "bob - words"], ["ann - words", "bob - words"]),
        (["Sentence", "words"], ["Sentence"]),
        (["ORT-MAU", "swords"], ["ORT-MAU"]),
    ],
)
def test_the_tier_that_looks_right_is_read_and_said(names: list[str], read: list[str], tmp_path: Path) -> None:
    tiers = [(name, PHONES if "phone" in name or name == "swords" else WORDS) for name in names]
    for stem in ("x", "y"):
        sound(tmp_path / f"{stem}.wav")
        text(tmp_path / f"{stem}.TextGrid", grid(*tiers))
    samples, errors = found("textgrid", tmp_path)
    wanted = [f"x-{name}-1" for name in read] if len(read) > 1 else ["x-1"]
    assert ids(samples)[: len(wanted)] == wanted
    assert len(samples) == 2 * len(wanted)
    assert len(errors) == 1
    assert f"of its tiers {', '.join(map(repr, names))}, {', '.join(map(repr, read))} is read" in errors[0]
    assert errors[0].endswith("Choose with --tier")


def test_a_tier_may_be_chosen(tmp_path: Path) -> None:
    sound(tmp_path / "x.wav")
    text(tmp_path / "x.TextGrid", grid(("Phones", PHONES), ("words", WORDS), ("a [1]", WORDS)))
    assert [s.text for s in textgrid.read(tmp_path, raise_error, tier="phones")] == ["h", "e"]
    assert ids(list(textgrid.read(tmp_path, raise_error, tier="a [1]"))) == ["x-1"]
    assert len(list(textgrid.read(tmp_path, raise_error, tier="*s"))) == 3
    samples, errors = found("textgrid", tmp_path, tier="word")
    assert samples == []
    assert errors == [
        f"{tmp_path}/x.TextGrid: has no tier 'word'; expected a tier of intervals: 'Phones', 'words', 'a [1]'. "
        "Choose with --tier"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ooBinaryFile\x08TextGrid\0\0", "is a binary TextGrid; expected one in text. Save it anew in Praat"),
        (speech.SHORT.encode("latin-1"), "is neither UTF-8 nor UTF-16"),
        (speech.SHORT.replace("ï", "i").encode("utf-16-le"), "holds NUL characters"),
        (b"\xff\xfea", "is neither UTF-8 nor UTF-16"),
        (b"", "is no file of Praat's"),
        (b"File type", "ends before the kind of file"),
        (
            b'File type = "ooTextFile"\nObject class = "PitchTier"\n',
            "is 'ooTextFile' and holds 'PitchTier'; expected a TextGrid",
        ),
        (b'"ooTextFile" "TextGrid" 0 1 <absent>', "ends before the count of tiers"),
        (b'"ooTextFile" "TextGrid" 0 1 -3', "has -3 for the count of tiers; expected a count"),
        (b'"ooTextFile" "TextGrid" 0 1 1e999', "has inf for the count of tiers; expected a number"),
        (b'"ooTextFile" "TextGrid" 0 1 99 "IntervalTier" "a" 0 1 0', "ends before the kind of tier 2"),
        (b'"ooTextFile" "TextGrid" 0 "x" 1', "has 'x' for the end; expected a number"),
        (
            b'"ooTextFile" "TextGrid" 0 1 1 "IntervalTier" 7',
            "has 7 for the name of tier 1; expected text in quotation marks",
        ),
        (grid(("a", [])).encode(), "has no labels in its tiers of intervals ('a')"),
        (grid(("a", [(0, 1, " ")])).encode(), "has no labels in its tiers of intervals ('a')"),
        (grid().encode(), "has no labels in its tiers of intervals (none)"),
    ],
)
def test_what_is_no_textgrid(content: bytes, said: str, tmp_path: Path) -> None:
    sound(tmp_path / "x.wav")
    (tmp_path / "x.TextGrid").write_bytes(content)
    samples, errors = found("textgrid", tmp_path)
    assert samples == []
    assert errors[0].startswith(f"{tmp_path}/x.TextGrid: {said}")


def test_sounds_and_textgrids_without_partner_are_named(tmp_path: Path) -> None:
    speech.textgrid(tmp_path)
    sound(tmp_path / "r3.wav")
    text(tmp_path / "r4.TextGrid", speech.SHORT)
    samples, errors = found("textgrid", tmp_path)
    assert len(samples) == 4
    assert [error.partition(";")[0] for error in errors] == [
        f"{tmp_path}/r4.TextGrid: has no sound", f"{tmp_path}/r3.wav: has no TextGrid",
    ]  # fmt: skip


def test_what_is_whole_of_a_broken_textgrid_is_read(tmp_path: Path) -> None:
    sound(tmp_path / "x.wav", 9)
    whole = grid(("a", [(0, 1, "one"), (1, 2, "two"), (2, 3, "three")]))
    for cut, said in (
        (whole.index('"three"'), "ends before the label in tier 1, 3"),
        (whole.index('three"'), "lacks a quotation mark"),
    ):
        text(tmp_path / "x.TextGrid", whole[:cut])
        samples, errors = found("textgrid", tmp_path)
        assert [sample.text for sample in samples] == ["one", "two"]
        assert len(errors) == 1
        assert errors[0].startswith(f"{tmp_path}/x.TextGrid: {said}")


def test_bad_intervals_are_named_and_overlaps_read(tmp_path: Path) -> None:
    sound(tmp_path / "x.wav")
    text(
        tmp_path / "x.TextGrid",
        grid(("a", [(-1, 1, "one"), (1, 1, "two"), (2, 1, ""), (0, 5, "three"), (4, 9, "four")])),
    )
    samples, errors = found("textgrid", tmp_path)
    assert ids(samples) == ["x-4", "x-5"]
    assert [error.removeprefix(f"{tmp_path}/x.TextGrid, tier 'a', ").partition(";")[0] for error in errors] == [
        "interval 1: lasts from -1 s to 1 s",
        "interval 2: lasts from 1 s to 1 s",
    ]


def test_a_table_with_headings_is_not_lj_speech(tmp_path: Path) -> None:
    sound(tmp_path / "wavs" / "a.wav")
    (tmp_path / "metadata.csv").write_text("file_name|text\na.wav|hello\n")
    assert ljspeech.signs(Source(tmp_path)) is None
    (tmp_path / "metadata.csv").write_text("a|hello\n")
    assert ljspeech.signs(Source(tmp_path)) is not None
