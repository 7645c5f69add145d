"""Small corpora of speech, laid out exactly as each format says, with sounds that can be heard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
FORMATS = {".mp3": "MP3", ".flac": "FLAC", ".ogg": "OGG", ".sph": "NIST"}


def sound(path: Path, seconds: float = 0.2, kind: str = "") -> Path:
    """A tone, in the format of the suffix or the one named."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(np.arange(round(seconds * RATE)) * 0.3)
    soundfile.write(path, tone, RATE, format=kind or FORMATS.get(path.suffix.lower(), "WAV"))
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def librispeech(folder: Path) -> Path:
    """Two subsets, two chapters of one reader."""
    for subset, chapter, count in (
        ("train-clean-5", "84-121", 2),
        ("train-clean-5", "84-122", 1),
        ("dev-other", "7-9", 1),
    ):
        place = folder / "LibriSpeech" / subset / chapter.replace("-", "/")
        ids = [f"{chapter}-{n:04}" for n in range(count)]
        for name in ids:
            sound(place / f"{name}.flac")
        text(place / f"{chapter}.trans.txt", "".join(f"{name} GO DO {name[-1]}\n" for name in ids))
    text(
        folder / "LibriSpeech" / "SPEAKERS.TXT", ";ID |SEX| SUBSET |MINUTES| NAME\n84 | F | train-clean-5 | 8.02 | A\n"
    )
    return folder


def ljspeech(folder: Path) -> Path:
    for n in (1, 2):
        sound(folder / "wavs" / f"LJ001-000{n}.wav")
    text(folder / "metadata.csv", 'LJ001-0001|in 2|in two\nLJ001-0002|"so," he said|"so," he said\n')
    return folder


def commonvoice(folder: Path) -> Path:
    rows = {"train": ["a", "b"], "dev": ["c"], "test": ["d"]}
    rows["validated"] = [*"abcde"]
    for part, names in rows.items():
        lines = [f'{name * 8}\tcv_{name}.mp3\tHe said "{name}".\t2\t0\t\t\t\ten\t\n' for name in names]
        header = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale\tsegment\n"
        text(folder / f"{part}.tsv", header + "".join(lines))
    for name in rows["validated"]:
        sound(folder / "clips" / f"cv_{name}.mp3")
    return folder


def timit(folder: Path) -> Path:
    """A speaker of TRAIN, one of dev, one of the core test set."""
    for speaker, place in (("FCJF0", "TRAIN/DR1"), ("FAKS0", "TEST/DR1"), ("MDAB0", "TEST/DR1")):
        for sentence in ("SA1", "SI648", "SX37"):
            stem = folder / "TIMIT" / place / speaker / sentence
            sound(stem.with_suffix(".WAV"), kind="NIST")
            text(stem.with_suffix(".TXT"), "0 1600 Go now, Tom. \n")
            text(stem.with_suffix(".WRD"), "100 500 go\n500 900 now\n1000 1500 tom\n")
            text(stem.with_suffix(".PHN"), "0 100 h#\n100 250 g\n250 500 ow\n500 600 n\n600 1600 h#\n")
    return folder


def kaldi(folder: Path) -> Path:
    """Two data folders: recordings in segments, and one utterance each."""
    sound(folder / "wav" / "r1.wav", 2.0)
    sound(folder / "wav" / "r2.sph")
    text(folder / "train" / "wav.scp", "r1 wav/r1.wav\n")
    text(folder / "train" / "text", "ann-1 HI THERE\nann-2 YES\nbob-1 NO\n")
    text(folder / "train" / "segments", "ann-1 r1 0.00 0.50\nann-2 r1 0.50 1.25\nbob-1 r1 1.25 -1\n")
    text(folder / "train" / "utt2spk", "ann-1 ann\nann-2 ann\nbob-1 bob\n")
    text(folder / "test" / "wav.scp", f"r2 {folder / 'wav' / 'r2.sph'}\n")
    text(folder / "test" / "text", "r2 GO\n")
    return folder


def nemo(folder: Path) -> Path:
    sound(folder / "wavs" / "a.wav", 1.0)
    sound(folder / "wavs" / "b.wav")
    rows = [
        {"audio_filepath": "wavs/a.wav", "offset": 0.25, "duration": 0.5, "text": "hi", "speaker": "ann"},
        {"audio_filepath": "wavs/a.wav", "offset": 0.75, "duration": 0.25, "text": "you", "speaker": 7},
    ]
    text(folder / "train_manifest.json", "".join(json.dumps(row) + "\n" for row in rows))
    row = {"audio_filepath": str(folder / "wavs" / "b.wav"), "duration": 0.2, "text": "go"}
    text(folder / "val_manifest.jsonl", json.dumps(row))
    return folder


LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 
xmax = 1.5 
tiers? <exists> 
size = 2 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "words" 
        xmin = 0 
        xmax = 1.5 
        intervals: size = 3 
        intervals [1]:
            xmin = 0 
            xmax = 0.5 
            text = "" 
        intervals [2]:
            xmin = 0.5 
            xmax = 1.0 
            text = "he said ""go""" 
        intervals [3]:
            xmin = 1.0 
            xmax = 1.5 
            text = "naïve" 
    item [2]:
        class = "TextTier" 
        name = "clicks" 
        xmin = 0 
        xmax = 1.5 
        points: size = 1 
        points [1]:
            number = 0.7 
            mark = "!" 
'''

SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"words"
0
1.5
3
0
0.5
""
0.5
1
"he said ""go"""
1
1.5
"naïve"
"TextTier"
"clicks"
0
1.5
1
0.7
"!"
'''


def textgrid(folder: Path) -> Path:
    sound(folder / "ann" / "r1.wav", 1.5)
    text(folder / "ann" / "r1.TextGrid", LONG)
    sound(folder / "r2.flac", 1.5)
    text(folder / "r2.textgrid", SHORT.encode("utf-16"))
    return folder
