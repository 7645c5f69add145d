import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from seqrec import __version__
from seqrec.cli.main import main
from seqrec.lm.binary import to_bytes
from seqrec.lm.train import Training, train
from tests.models import IMAGE, beeps, image_model, sound_model, write_line


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(image_model(tmp_path_factory.mktemp("models") / "letters"))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A current folder with three lines, a broken one and a manifest of them all."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("a", "abc"), ("b", "h"), ("scans/c", "badge")):
        write_line(Path(f"{name}.png"), text)
    Path("broken.png").write_bytes(b"no image")
    rows = [
        {"id": "one", "path": "a.png", "text": "abd"},
        {"id": "two", "path": "broken.png", "text": "x"},
        {"id": "three", "path": "scans/c.png", "text": "badge"},
    ]
    Path("m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def run(*args, stdin=None):
    result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert "Traceback" not in result.output
    return result


def shell(*args, **keywords):
    """A real process: `python -m seqrec`."""
    process = [sys.executable, "-m", "seqrec", *map(str, args)]
    return subprocess.run(process, capture_output=True, text=True, encoding="utf-8", timeout=300, **keywords)


# The frame


def test_help_lists_every_file_of_the_folder():
    found = run("--help")
    assert found.exit_code == 0
    for path in Path(main.callback.__code__.co_filename).parent.glob("*.py"):
        if path.stem not in ("__init__", "main") and not path.stem.startswith("_"):
            assert f"\n  {path.stem} " in found.output


@pytest.mark.parametrize("name", main.list_commands(None))
def test_every_command_has_a_help_with_an_example(name):
    found = run(name, "--help")
    assert found.exit_code == 0
    assert re.search(rf"^ +(.* \| )?seqrec {name} ", found.output, re.MULTILINE)
    assert main.get_command(None, name).get_short_help_str(60) in run("--help").output


def test_version():
    assert run("--version").output == f"seqrec, version {__version__}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["decod"], "No such command 'decod'. Did you mean 'decode'?"),
        (["zzz"], "No such command 'zzz'. Known are "),
        (["main"], "No such command 'main'"),
        (["--nothing"], "No such option"),
        (["decode"], "Missing argument 'MODEL'"),
        (["decode", "m"], "Missing argument 'INPUT...'"),
        (["decode", "m", "x.png", "--batch", "0"], "--batch"),
        (["decode", "m", "x.png", "--runtime", "torch"], "--runtime"),
        (["decode", "m", "x.png", "--format", "jsnl"], "unknown name 'jsnl'; expected one of alto"),
        (["decode", "m", "x.png", "--positions"], "--positions has no place in text. Take --format jsonl"),
        (["decode", "m", "x.png", "--nbest", "2", "-o", "x.csv"], "--nbest has no place in csv"),
        (["decode", "m", "x.png", "--formt", "text"], "No such option"),
        (["score", "a"], "Missing argument 'HYP'"),
        (["pack", "m"], "Missing option"),
    ],
)
def test_wrong_usage_exits_2(args, said):
    found = run(*args)
    assert found.exit_code == 2
    assert said in found.output


@pytest.mark.parametrize("args", [["decode", "none", "x.png"], ["info", "none"], ["pack", "none", "-o", "m.zip"]])
def test_a_users_mistake_is_one_line_and_exits_1(place, args):
    found = run(*args)
    assert found.exit_code == 1
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("seqrec: none: does not exist")


def test_names_are_not_obeyed_by_the_terminal(place):
    found = run("info", "\x1b[31mnone")
    assert "\x1b" not in found.output
    assert r"\u001b[31mnone" in found.stderr


def test_an_output_that_cannot_be_written_is_one_line(place, model):
    found = run("decode", model, "a.png", "-o", "b.png/out.txt")
    assert found.exit_code == 1
    assert found.stderr.startswith("seqrec: b.png/out.txt: cannot be written")
    assert found.stderr.count("\n") == 1


# decode


def test_a_single_file_gives_its_text_alone(place, model):
    found = run("decode", model, "a.png")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "abc\n", "")


@pytest.mark.parametrize(
    ("inputs", "stdout"),
    [
        (["a.png", "scans/c.png"], "a.png\tabc\nscans/c.png\tbadge\n"),
        (["scans"], "scans/c.png\tbadge\n"),
        (["scans", "b.png"], "scans/c.png\tbadge\nb.png\th\n"),
    ],
)
def test_several_inputs_give_id_and_text(place, model, inputs, stdout):
    found = run("decode", model, *inputs)
    assert (found.exit_code, found.stdout) == (0, stdout)


def test_failures_are_named_the_rest_is_done_and_it_exits_1(place, model):
    found = run("decode", model, "m.jsonl", "none.png", "b.png", "--batch", "2")
    assert found.exit_code == 1
    assert found.stdout == "one\tabc\nthree\tbadge\nb.png\th\n"
    first, second = found.stderr.splitlines()
    assert first.startswith("seqrec: broken.png: ")
    assert second.startswith("seqrec: none.png: does not exist")


def test_jsonl(place, model):
    found = run("decode", model, "a.png", "--format", "jsonl")
    row = json.loads(found.stdout)
    assert (row["id"], row["text"]) == ("a.png", "abc")
    assert 0.99 < row["confidence"] <= 1


@pytest.mark.parametrize(
    ("name", "options", "first"), [("h.txt", [], "one\tabc"), ("h.jsonl", [], '{"id": "one"'), ("h", [], "one\tabc")]
)
def test_output_file_takes_its_format_from_its_name(place, model, name, options, first):
    found = run("decode", model, "m.jsonl", "-o", name, *options)
    assert found.stdout == ""
    assert Path(name).read_text(encoding="utf-8").startswith(first)


def test_stdin_lists_paths(place, model):
    found = run("decode", model, "-", stdin='a.png\n{"id": "x", "path": "b.png"}\nnone\n')
    assert found.exit_code == 1
    assert found.stdout == "a.png\tabc\nx\th\n"
    assert found.stderr.startswith("seqrec: none: does not exist")


def test_texts_are_not_obeyed_by_the_terminal(place, tmp_path):
    hostile = image_model(tmp_path / "hostile", "\x1b\x07\x9bdefgh")
    found = run("decode", hostile, "a.png", "b.png")
    assert found.stdout == "a.png\t\\u001b\\u0007\\u009b\nb.png\th\n"


@pytest.mark.parametrize(
    ("part", "data"),
    [
        ("config.json", json.dumps({"features": IMAGE | {"hieght": 9}}).encode()),
        ("alphabet.json", b"{}"),
        ("normalizer.npz", b""),
        ("model.onnx", b"?"),
    ],
)
def test_a_broken_model_is_one_line(place, tmp_path, part, data):
    broken = image_model(tmp_path / "model")
    (broken / part).write_bytes(data)
    found = run("decode", broken, "a.png", "-o", "out.txt")
    assert found.exit_code == 1
    assert part in found.stderr
    assert found.stderr.count("\n") == 1
    assert not Path("out.txt").exists()


# info and pack


def test_info_says_what_a_model_is(model):
    found = run("info", model)
    assert found.exit_code == 0
    for said in ("kind columns", "domain image", "cell lstm", " 81\n", "8 symbols, NFC: abcdefgh", "3 epochs"):
        assert said in found.stdout
    assert "epoch 2, dev_cer 0.125" in found.stdout
    assert found.stdout.endswith("\n# A model\n\nFor tests.\n")


def test_info_for_programs(model):
    found = json.loads(run("info", model, "--json").stdout)
    assert found["parameters"] == 8 * 9 + 9
    assert found["alphabet"] == {"form": "NFC", "size": 8, "symbols": list("abcdefgh")}
    assert found["best"] == {"epoch": 2, "dev_cer": 0.125}
    assert found["features"] == IMAGE | {"domain": "image", "dim": 8}


def test_info_of_a_model_in_training(tmp_path):
    model = image_model(tmp_path / "m")
    (model / "card.md").unlink()
    (model / "training.jsonl").unlink()
    found = run("info", model)
    assert found.exit_code == 0
    assert "not recorded" in found.stdout
    assert "no card.md" in found.stdout


def test_a_packed_model_takes_the_folders_place(place, model):
    found = run("pack", model, "-o", "m.zip")
    assert found.exit_code == 0
    assert found.stdout.startswith(f"m.zip: {Path('m.zip').stat().st_size / 1e6:.2f} MB\n")
    assert "change log-probabilities by at most" in found.stdout
    assert run("decode", "m.zip", "a.png").stdout == "abc\n"
    assert run("info", "m.zip").stdout.replace("m.zip", model) == run("info", model).stdout


def test_pack_in_full_precision(place, model):
    found = run("pack", model, "-o", "m.zip", "--float32")
    assert "float16" not in found.stdout
    assert run("decode", "m.zip", "a.png").stdout == "abc\n"


# Real processes


def test_echo_into_decode(place, model):
    found = shell("decode", model, "-", input="a.png\n")
    assert (found.returncode, found.stdout, found.stderr) == (0, "a.png\tabc\n", "")


@pytest.mark.parametrize(
    ("closed", "given", "stdout"),
    [("<&-", "a.png", "abc\n"), ("<&-", "-", ""), (">&-", "a.png", ""), ("<&- >&- 2>&-", "a.png", "")],
)
def test_closed_streams(place, model, closed, given, stdout):
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "seqrec", "decode", model, given]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (found.returncode, found.stdout, found.stderr) == (0, stdout, "")


def test_output_is_utf8_in_any_locale(place, tmp_path):
    greek = image_model(tmp_path / "greek", "αβγδεζηθ")
    found = shell("decode", greek, "a.png", env=os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert (found.stdout, found.stderr) == ("αβγ\n", "")


def started(*args):
    process = [sys.executable, "-m", "seqrec", *map(str, args)]
    return subprocess.Popen(process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_nothing_is_left_in_the_home(place, model):
    # ONNX Runtime keeps a number for the machine and what it means to report there.
    home = place / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    assert shell("decode", model, "a.png", env=kept | {"HOME": str(home)}).stdout == "abc\n"
    assert list(home.rglob("*")) == []


def test_each_line_is_answered_at_once_with_batch_1(place, model):
    with started("decode", model, "-", "--batch", "1") as process:
        for name, text in (("a.png", b"abc"), ("b.png", b"h")):
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == name.encode() + b"\t" + text + b"\n"
        process.stdin.close()
        assert process.wait(300) == 0


def test_ctrl_c_is_one_line_and_exits_130(place, model):
    with started("decode", model, "-", "--batch", "1", "-o", "out.txt") as process:
        process.stdin.write(b"none.png\n")
        process.stdin.flush()
        process.stderr.readline()  # it is decoding
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"seqrec: interrupted\n"
        assert process.wait(300) == 130
    assert not list(Path().glob("*out.txt*"))


def test_a_reader_that_goes_away_is_no_error(place, model):
    with started("decode", model, "-", "--batch", "1") as process:
        process.stdin.write(b"a.png\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"a.png\n" * 3)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(300) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell a process's memory")
def test_an_hour_of_sound_needs_little_memory(tmp_path):
    """Of 115 MB as samples, and in pieces for the network: the joints neither lose nor double a beep."""
    with soundfile.SoundFile(tmp_path / "hour.flac", "w", 8000, 1) as file:
        for _ in range(36):
            file.write(np.tile(beeps(1)[:1600], 500))  # 100 s, five beeps in a second
    text, peak = decode_measured(sound_model(tmp_path / "m"), tmp_path / "hour.flac")
    assert text == "x" * 5 * 3600
    assert peak < 200


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell a process's memory")
def test_what_reads_with_a_language_model_takes_the_place_of_the_frames_in_memory(tmp_path):
    """Compiled loops need 100 MB, the frames 86 MB, and no copy of them is made."""
    soundfile.write(tmp_path / "short.flac", beeps(1), 8000)
    soundfile.write(tmp_path / "long.flac", np.tile(beeps(1)[:1600], 5 * 1800), 8000)
    model = sound_model(tmp_path / "m", mels=40, deltas=2)
    (model / "lm.bin").write_bytes(to_bytes(train(["xx", "xxx"], Training("char", 2))))
    how = ("--lm", "default", "--format", "ctm")
    decode_measured(model, tmp_path / "short.flac", *how)  # compiles, if need be
    rows, peak = decode_measured(model, tmp_path / "long.flac", *how)
    assert " " + "x" * 5 * 1800 + " " in rows
    assert peak < 310


def decode_measured(*args):
    """What `seqrec decode` writes, and its peak of memory in MB."""
    # A process begins with the peak of the one that starts it, which here has TensorFlow loaded: one stands between.
    between = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    decode = [sys.executable, "-m", "seqrec", "decode", *map(str, args)]
    done = subprocess.run([sys.executable, "-c", between, *decode], capture_output=True, text=True, check=True)
    written, peak = done.stdout.rstrip().rsplit("\n", 1)
    return written, int(peak) * (1e-6 if sys.platform == "darwin" else 1.024e-3)
