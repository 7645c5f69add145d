"""The house rules about imports, read from the source, and what a process really loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqrec
from tests.models import image_model, sound_model, write_line

PACKAGE = Path(seqrec.__file__).parent

# Imports go one way: a module may import those before it in this list, and its own package.
# fmt: off
ORDER = [
    "errors", "options", "files", "processes", "compiling", "ragged", "samples", "alphabet", "config", "splits", "lm",
    "features", "augment", "corpora", "synth", "decoding", "inputs", "probing", "scoring", "transcripts", "writers",
    "extraction", "checking", "store", "batching", "onnxfile", "modelfolder", "runtime", "packing", "network",
    "surgery", "finetuning", "report", "training", "reader", "streaming", "recognizer", "aligning", "labelling",
    "mislabelled", "tuning", "preparing", "recipe", "pipeline", "bench", "cli",
]
# fmt: on

# Heavy libraries, and the only modules that may import them.
KEPT_IN = {
    "tensorflow": ("network/", "training/", "bench/"),
    "keras": ("network/", "training/", "bench/"),
    "torch": ("bench/",),
    "flashlight": ("bench/",),
    "librosa": ("bench/",),
    "onnxruntime": ("runtime.py", "bench/"),
    "rapidfuzz": ("scoring/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "pickle": (),
}

# preparing is the frame of every recipe's prepare.py, side that of the processes which `seqrec bench` starts.
COMMANDS = ("cli/", "preparing.py", "bench/side.py")

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
LIGHT = [file for file in FILES if file.startswith("cli/") and ("/_" not in file or file == "cli/_options.py")]


def tree(file):
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


def imported(file):
    """Dotted names of all that a file imports, at its top or inside of functions."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unit(file):
    return file.split("/")[0].removesuffix(".py")


def test_every_module_has_its_place():
    units = {unit(file) for file in FILES} - {"__init__", "__main__"}
    assert units == set(ORDER)


@pytest.mark.parametrize("file", [file for file in FILES if unit(file) in ORDER])
def test_imports_go_one_way(file):
    place = ORDER.index(unit(file))
    for name in imported(file):
        if name.startswith("seqrec."):
            used = name.split(".")[1]
            if used in ORDER:
                assert ORDER.index(used) <= place, f"{file} imports {name}"


@pytest.mark.parametrize("file", FILES)
def test_heavy_libraries_stay_where_they_belong(file):
    for name in imported(file):
        kept = KEPT_IN.get(name.split(".")[0])
        assert kept is None or file.startswith(kept), f"{file} imports {name}"


@pytest.mark.parametrize("file", LIGHT)
def test_commands_import_only_click_at_the_top(file):
    """Which keeps `seqrec --help`, for which all are imported, quick."""
    light = {"__future__", "click", "seqrec", "typing", *sys.stdlib_module_names}
    for node in tree(file).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            for name in names:
                assert name.split(".")[0] in light, f"{file} imports {name} at the top"
                allowed = {"seqrec.cli._options"}  # which is under the same rule
                if file == "cli/main.py":
                    allowed |= {"seqrec", "seqrec.errors", "seqrec.writers"}
                assert not name.startswith("seqrec") or name in allowed, f"{file} imports {name}"


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith(COMMANDS)])
def test_only_commands_print(file):
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "input", "eval", "exec"), f"{file}:{node.lineno} calls {called}"
            assert not called.startswith(("sys.stdout.", "sys.stderr.")), f"{file}:{node.lineno} calls {called}"


HEAVY = ("tensorflow", "keras", "librosa", "scipy", "numba", "onnxruntime", "numpy", "PIL", "pydantic")


def loaded(code, *args):
    """Which of the heavy libraries a process has loaded after running some code."""
    after = f"; import sys; print('loaded', *[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + after, *map(str, args)],
        capture_output=True, text=True, encoding="utf-8", timeout=300, check=True,
    )  # fmt: skip
    *before, last = done.stdout.splitlines()
    assert last.startswith("loaded")
    return before, set(last.split()[1:])


MAIN = "import sys; from seqrec.cli.main import main; main(sys.argv[1:], standalone_mode=False)"


def test_import_seqrec_loads_nothing_heavy():
    assert loaded("import seqrec") == ([], set())


def test_help_loads_nothing_heavy():
    said, heavy = loaded(MAIN, "--help")
    assert any("decode" in line for line in said)
    assert heavy == set()


def test_decoding_images_loads_neither_tensorflow_nor_librosa(tmp_path):
    said, heavy = loaded(MAIN, "decode", image_model(tmp_path / "m"), write_line(tmp_path / "x.png", "cafe"))
    assert said == ["cafe"]
    assert heavy & {"tensorflow", "keras", "librosa", "scipy", "numba"} == set()


def test_decoding_sound_loads_neither_tensorflow_nor_scipy(tmp_path):
    import soundfile

    from tests.models import beeps

    soundfile.write(tmp_path / "x.wav", beeps(2), 8000)
    said, heavy = loaded(MAIN, "decode", sound_model(tmp_path / "m"), tmp_path / "x.wav")
    assert said == ["xx"]
    assert heavy & {"tensorflow", "keras", "librosa", "scipy", "numba"} == set()
