"""The documentation says what is so: its examples run, its tables are those of the code, its links lead somewhere.

`toml` blocks are validated, `python` and `console` blocks are run beside generated data, with the output that
they show; the commands in `sh` blocks are held against the real ones without being run.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import shlex
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from seqrec import checking, config, corpora, samples
from seqrec.augment import frames, image, ink, sound
from seqrec.cli.main import main
from seqrec.errors import ConfigError
from seqrec.features import columns, extractor, mfcc, strokes
from seqrec.modelfolder import LIMITS, ModelFolder
from seqrec.options import Options, names_in
from seqrec.packing import pack
from seqrec.recipe import STAGES
from tests.models import beeps, image_model, line, sound_model, write_line
from tests.test_imports import ORDER

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS = ["badge", "bead", "cab", "cafe", "deaf", "face", "fade", "head"]
WRITERS = ["anna", "ben", "carl", "dora", "eve", "finn", "gus", "hana"]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(language: str) -> list[Any]:
    """Every block of a language in the documentation, as parameters of a test."""
    found = [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (kind, block) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
        if kind == language
    ]
    assert found
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of lines and one of sound, as folders and packed."""
    folder = tmp_path_factory.mktemp("models")
    for name, path in (("image", image_model(folder / "image")), ("sound", sound_model(folder / "sound"))):
        pack(ModelFolder(path), folder / f"{name}.zip")
    return folder


@pytest.fixture
def place(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the examples find in the current folder."""
    monkeypatch.chdir(tmp_path)
    image_model(tmp_path / "model")
    (tmp_path / "model.zip").write_bytes((models / "image.zip").read_bytes())
    (tmp_path / "recipes" / "fsdd").mkdir(parents=True)
    (tmp_path / "recipes" / "fsdd" / "model.zip").write_bytes((models / "sound.zip").read_bytes())
    soundfile.write(tmp_path / "my.wav", beeps(2), 8000)
    for word in WORDS:
        write_line(tmp_path / "lines" / f"{word}.png", word)
        (tmp_path / "lines" / f"{word}.gt.txt").write_text(word + "\n", encoding="utf-8")
    for number, (word, writer) in enumerate(zip(2 * WORDS, 2 * WRITERS, strict=True)):
        path = write_line(tmp_path / "scans" / writer / f"{number:02}.png", word[number // 8 :])
        path.with_suffix(".gt.txt").write_text(word[number // 8 :] + "\n", encoding="utf-8")
    (tmp_path / "scans" / "hana" / "15.png").write_bytes(b"")
    (tmp_path / "ref.txt").write_text("the cat sat\non the mat\n", encoding="utf-8")
    (tmp_path / "hyp.txt").write_text("the cat sad\nonthe mat\n", encoding="utf-8")
    np.save(tmp_path / "frames.npy", (255 - line("badge").T) / np.float32(255))
    return tmp_path


# Examples


@pytest.mark.parametrize("block", blocks("toml"))
def test_toml(block: str) -> None:
    table = tomllib.loads(block)
    parsed = config.Config.parse({"features": {"kind": "columns"}} | table, "example")
    made = extractor(parsed.features)
    domains = [made.domain] if "features" in table else ["sound", "ink", "image"]
    faults = []
    for domain in domains:
        try:
            importlib.import_module(f"seqrec.augment.{domain}").Augmenter.parse(parsed.augment.signal, domain)
        except ConfigError as error:
            faults.append(error)
    assert len(faults) < len(domains), faults
    frames.Augmenter.parse(parsed.augment.frames, "frames")


@pytest.mark.parametrize("block", blocks("json"))
def test_json(block: str, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(block, encoding="utf-8")
    assert len(list(samples.read_manifest(tmp_path / "m.jsonl"))) == block.count("\n")


@pytest.mark.parametrize("block", blocks("python"))
def test_python(block: str, place: Path) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(block, "example", "exec"), {"__name__": "example"})
    assert ("print(" in block) == bool(said.getvalue())


def test_the_decoder_without_seqrec_reads(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [block] = [block for block in python("docs/models.md") if "onnxruntime" in block]
    assert "seqrec" not in block
    exec(compile(block, "example", "exec"), {})
    assert capsys.readouterr().out == "badge\n"


def python(page: str) -> list[str]:
    return [block for kind, block in BLOCK.findall(read(page)) if kind == "python"]


@pytest.mark.parametrize("block", blocks("console"))
def test_console(block: str, place: Path) -> None:
    """Commands after `$`, each with its output; "..." stands for any text."""
    if "seqrec prepare" not in block:
        run("seqrec prepare pairs scans -o data")
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert steps[0] == ""
    for step in steps[1:]:
        command, _, shown = step.partition("\n")
        pattern = ".*".join(re.escape(part) for part in shown.split("..."))
        said = run(command)
        assert re.fullmatch(pattern, said, re.DOTALL), f"$ {command}\n{said}"


def run(command: str) -> str:
    """What a terminal shows of `seqrec ...`, `echo ... | seqrec ...` or `cat FILE`."""
    words = shell_words(command)
    if words[0] == "cat":
        return Path(words[1]).read_text(encoding="utf-8")
    given = ""
    if words[0] == "echo":
        given, words = " ".join(words[1 : words.index("|")]) + "\n", words[words.index("|") + 1 :]
    assert words[0] == "seqrec"
    result = CliRunner().invoke(main, words[1:], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.output


def shell_words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    return list(lexer)


def commands() -> list[Any]:
    """Every simple command of the `sh` and `console` blocks, as its words, without settings of variables."""
    found = []
    for page in PAGES:
        for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = block.replace("\\\n", " ").splitlines() if kind == "sh" else []
            lines += re.findall(r"^\$ (.*)$", block, re.MULTILINE) if kind == "console" else []
            for words in map(shell_words, lines):
                while words:
                    end = words.index("|") if "|" in words else len(words)
                    simple = [word for word in words[:end] if not re.match(r"[A-Z_]+=", word)]
                    found.append(pytest.param(simple, id=f"{page.name}-{' '.join(simple)[:60]}"))
                    words = words[end + 1 :]
    return found


@pytest.mark.parametrize("words", commands())
def test_commands_exist(words: list[str], tmp_path: Path) -> None:
    name = words[0]
    if name.startswith("scripts/"):
        assert (ROOT / name).is_file()
    elif name == "seqrec":
        check_command(words[1], words[2:])
        overrides = [after for option, after in pairwise(words) if option == "--set"]
        (tmp_path / "recipe.toml").write_text('features = {kind = "mfcc"}', encoding="utf-8")
        config.read_config(tmp_path / "recipe.toml", tuple(overrides))
        for word in words:
            assert not word.startswith("recipes/") or (ROOT / word.removesuffix("/model.zip")).exists(), word
    else:
        assert name in (".", "find", "echo", "cat")


def check_command(name: str, args: list[str]) -> None:
    """Whether the command takes these arguments, without running it."""
    command = main.get_command(click.Context(main), name)
    assert command is not None, f"there is no command {name}"
    given, rest, _ = command.make_parser(click.Context(command, info_name=name)).parse_args(list(args))
    assert not rest
    for parameter in command.params:
        value = given.get(str(parameter.name))
        missing = parameter.name not in given or parameter.value_is_missing(value)
        assert not (parameter.required and missing), f"{name} needs {parameter.name}"
        if isinstance(parameter.type, click.Choice) and not missing:
            assert value in parameter.type.choices
    if name == "prepare":
        assert not isinstance(given["source"], str) or given["name"] in names_in("seqrec.corpora")


# How to extend: each example is put where it says and found by its name


def put(page: str, start: str, folder: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The example of docs/design.md that begins with a path, as a module of the package; returns its name."""
    [block] = [block for block in python(page) if block.startswith(f"# {start}")]
    name = re.match(r"# \S+/(\w+)\.py\n", block)
    assert name
    assert not (ROOT / block.splitlines()[0].removeprefix("# ")).exists()
    (folder / f"{name[1]}.py").write_text(block, encoding="utf-8")
    module = importlib.import_module(package)
    monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"{package}.{name[1]}", raising=False)
    return name[1]


def test_a_data_format_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put("docs/design.md", "seqrec/corpora/", tmp_path, "seqrec.corpora", monkeypatch)
    book = tmp_path / "mls" / "train" / "audio" / "7" / "8"
    book.mkdir(parents=True)
    lines = "7_8_000000\tguten Morgen\n7_8_000001\tja\n"
    (tmp_path / "mls" / "train" / "transcripts.txt").write_text(lines, encoding="utf-8")
    soundfile.write(book / "7_8_000000.flac", beeps(1), 8000)
    result = CliRunner().invoke(main, ["prepare", name, str(tmp_path / "mls"), "-o", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "transcripts.txt:2: there is no 7_8_000001.flac" in result.output
    [written] = (tmp_path / "data").glob("*.jsonl")
    [sample] = samples.read_manifest(written)
    assert (sample.id, sample.text, sample.group) == ("7_8_000000", "guten Morgen", "7")
    assert corpora.descriptions()[name].startswith("MLS, ")


def test_a_kind_of_features_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put("docs/design.md", "seqrec/features/", tmp_path, "seqrec.features", monkeypatch)
    soundfile.write(tmp_path / "x.wav", beeps(1), 8000)
    made = extractor({"kind": name, "rate": 8000, "mute": 0.01})
    found = made(samples.Sample("x", path=tmp_path / "x.wav"))
    assert (found.shape, found.dtype, made.domain) == ((30, made.dim), np.float32, "sound")
    np.testing.assert_allclose(found[[0, 15, 29], 0], np.log([0.01, 0.125, 0.01]), atol=1e-3)


def test_an_output_format_is_one_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put("docs/design.md", "seqrec/writers/", place, "seqrec.writers", monkeypatch)
    said = run(f"seqrec decode recipes/fsdd/model.zip my.wav --format {name}")
    assert re.fullmatch(r"0\.\d{3}\t0\.\d{3}\txx\n", said)


# Tables


def rows(page: str, header: str, section: str = "") -> list[list[str]]:
    """The cells of the rows of the first table with this header after a heading."""
    text = read(page)
    if section:
        text = text[text.index(f"\n{section}\n") :]
    table = text[text.index(f"\n{header}\n") + len(header) + 2 :].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[1:]]


def names(page: str, header: str, section: str = "") -> list[str]:
    """What stands between backticks in the first column."""
    return [name for row in rows(page, header, section) for name in re.findall(r"`([^`]+)`", row[0])]


SECTIONS: dict[str, type[Options]] = {
    '### `[features] kind = "mfcc"`': mfcc.Extractor,
    '### `[features] kind = "strokes"`': strokes.Extractor,
    '### `[features] kind = "columns"`': columns.Extractor,
    "### `[text]`": config.Text,
    "### `[augment]`": config.Augment,
    "### `[augment.signal]` of sound": sound.Augmenter,
    "### `[augment.signal]` of ink": ink.Augmenter,
    "### `[augment.signal]` of images": image.Augmenter,
    "### `[augment.frames]`": frames.Augmenter,
    "### `[network]`": config.Network,
    "### `network.conv`": config.Conv,
    "### `[training]`": config.Training,
    "### `[decoding]`": config.Tuning,
    "### `[card]`": config.Card,
}


def test_every_section_of_keys_is_known() -> None:
    headed = [text for text in read("docs/training.md").split("\n#") if "\n| key | default |" in text]
    assert [f"#{text.splitlines()[0]}" for text in headed] == list(SECTIONS)
    documented = re.findall(r'^### `\[features\] kind = "(\w+)"`$', read("docs/training.md"), re.MULTILINE)
    assert sorted(documented) == names_in("seqrec.features")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_with_its_default(section: str) -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("docs/training.md", "| key | default | meaning |", section)}
    fields = SECTIONS[section].model_fields
    assert list(documented) == list(fields)
    for key, field in fields.items():
        if field.is_required():
            assert documented[key] == "required", key
            continue
        default = field.get_default(call_default_factory=True)
        shown = documented[key].strip("`")
        if default is None:
            assert shown == "none", key
        else:
            value = tomllib.loads(f"value = {shown}")["value"]
            assert (json.dumps(value), type(value)) == (json.dumps(default), type(json.loads(json.dumps(default)))), key


def test_every_table_of_a_recipe_is_documented() -> None:
    documented = [name.strip("[]") for name in names("docs/training.md", "| table | what it sets |")]
    assert sorted(documented) == sorted(config.Config.model_fields)


def test_the_stages_of_a_recipe_are_documented() -> None:
    assert names("docs/training.md", "| stage | what it makes in `exp/NAME` |") == list(STAGES)


def test_the_manifests_keys_are_documented() -> None:
    assert set(names("docs/data.md", "| key | meaning |")) == samples._KEYS


def test_the_formats_of_prepare_are_documented() -> None:
    assert names("docs/data.md", "| format | source |") == names_in("seqrec.corpora")


def test_the_formats_of_decode_are_documented() -> None:
    assert sorted(names("docs/decoding.md", "| format | what it holds | for |")) == names_in("seqrec.writers")
    uses = {"all": (), "sound": ("s",), "pages": ("px",)}
    for row in rows("docs/decoding.md", "| format | what it holds | for |"):
        module = importlib.import_module(f"seqrec.writers.{row[0].strip('`')}")
        assert getattr(module, "POSITIONS", ()) == uses[row[2]]


def test_the_findings_of_check_are_documented() -> None:
    kinds = re.findall(r"^    (\w+) .* (?:error|warning)$", checking.__doc__ or "", re.MULTILINE)
    assert names("docs/data.md", "| finding | what is wrong | severity |") == kinds


def test_the_parts_of_a_model_are_documented() -> None:
    assert set(names("docs/models.md", "| file | what it holds |")) == set(LIMITS)


@pytest.mark.parametrize(
    ("name", "page", "elsewhere"),
    [("decode", "docs/decoding.md", {"--format", "--output"}), ("label", "docs/labelling.md", set())],
)
def test_the_options_of_a_command_are_documented(name: str, page: str, elsewhere: set[str]) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    assert {option.split()[0] for option in names(page, "| option | meaning |")} == options - elsewhere


def test_the_modules_are_documented_in_the_order_of_imports() -> None:
    documented = [name.rstrip("/") for name in names("docs/design.md", "| module | what it does |")]
    assert documented == ORDER
    for name in names("docs/design.md", "| module | what it does |"):
        assert (ROOT / "seqrec" / (name if name.endswith("/") else f"{name}.py")).exists()


def test_every_recipe_has_its_row() -> None:
    recipes = sorted(path.parent.name for path in (ROOT / "recipes").glob("*/prepare.py"))
    cells = [row[0] for row in rows("README.md", "| recipe | what | measure | greedy | `--lm default` |")]
    assert sorted(re.sub(r"\[(\w+)\].*", r"\1", cell) for cell in cells) == recipes


# Links


def prose(page: Path) -> str:
    """A page without its comments and blocks."""
    text = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return BLOCK.sub("", text)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    for path in re.findall(r"`((?:seqrec|scripts|recipes|tests|docs)/[\w./]+)`", prose(page)):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path


def test_every_page_is_reached_from_the_readme() -> None:
    linked = re.findall(r"\]\(docs/([\w.]+\.md)\)", read("README.md"))
    assert sorted(linked) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))
