"""The command line: the main job from end to end, and every mistake one clear line."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tinygrad_sm import checkpoint, data, train
from tinygrad_sm.cli import main

pytestmark = pytest.mark.thread_unsafe(reason="a command has the streams and the folder of a process")

ROOT = Path(__file__).parents[1]
FILES = [
    "confusion_matrix.png", "decision_map.png", "graph.svg", "learning_curve.png", "model.npz", "network.svg",
]  # fmt: skip


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of a shell in a folder, in which `tinygrad_sm` is the command line."""
    script = (
        f'tinygrad_sm() {{ "{sys.executable}" -W error -m tinygrad_sm "$@"; }}; set -o pipefail; {command}'
    )
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody has trained on the colours, briefly."""
    folder = tmp_path_factory.mktemp("trained")
    done = shell("tinygrad_sm colours --epochs 8", folder)
    assert done.returncode == 0, done.stderr
    return folder


# ---- the main job ----


def test_the_main_job_writes_a_model_and_its_pictures(trained: Path) -> None:
    pytest.importorskip("matplotlib")
    assert sorted(path.name for path in (trained / "runs" / "colours").iterdir()) == FILES
    for name in FILES:
        assert (trained / "runs" / "colours" / name).stat().st_size > 2000


def test_what_it_prints_is_true(run: Any) -> None:
    result = run("colours", "--epochs", "5", "--seed", "3", "--hidden", "16")
    assert result.code == 0
    table = data.colours()
    model = train.Classifier.load("runs/colours/model.npz")
    assert [layer.extra_repr() for layer in model.network][::2] == [
        "in_features=3, out_features=16, bias=True",
        "in_features=16, out_features=11, bias=True",
    ]
    lines = result.out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["black", "grey"])
    assert lines[start].split() == list(table.classes)
    rows = [line.split() for line in lines[start + 1 : start + 12]]
    assert [row[0] for row in rows] == list(table.classes)
    counts = np.array([[int(cell.replace(".", "0")) for cell in row[1:]] for row in rows])
    assert counts.sum() == 165
    assert abs(counts.sum(axis=1) - np.bincount(table.labels) / 5).max() < 1
    said = re.search(r"accuracy ([0-9.]+), log-loss ([0-9.]+)", result.out)
    assert said is not None
    assert float(said[1]) == pytest.approx(np.trace(counts) / 165, abs=6e-4)
    assert "epoch 5/5" in result.err
    assert "predict '#ff8800' --model runs/colours/model.npz" in result.out


def test_the_same_seed_gives_the_same_file(run: Any) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        run("colours", "--epochs", "2", "--out", name, "--seed", seed)
    a, b, c = (Path(name, "model.npz").read_bytes() for name in "abc")
    assert a == b != c


def test_predict_prints_the_names_by_probability(run: Any, trained: Path) -> None:
    path = str(trained / "runs" / "colours" / "model.npz")
    result = run("predict", "#ff8800", "--model", path)
    assert (result.code, result.err) == (0, "")
    rows = [line.split() for line in result.out.splitlines()]
    assert sorted(name for name, _ in rows) == sorted(data.COLOUR_CLASSES)
    values = [float(value) for _, value in rows]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1, abs=1e-3)
    assert rows[0][0] == "orange"
    a = train.Classifier.load(path).predict_proba([[1, 0x88 / 255, 0]])[0]
    assert values[0] == pytest.approx(a.max(), abs=1e-4)
    several = run("predict", "080", "#0000FF", "--model", path)
    assert several.out.startswith("080:\ngreen")
    assert "#0000FF:\nblue" in several.out


def test_evaluate_measures_on_all_rows(run: Any, trained: Path) -> None:
    path = str(trained / "runs" / "colours" / "model.npz")
    result = run("evaluate", "colours", "--model", path)
    accuracy = train.Classifier.load(path).score(data.colours().inputs, data.colours().labels)
    assert result.code == 0
    assert f"accuracy {accuracy:.3f}" in result.out


def test_cross_validation_prints_means_and_standard_errors(run: Any) -> None:
    result = run("colours", "--cv", "--epochs", "3", "--hidden", "4")
    assert result.code == 0
    folds = re.findall(r"fold: accuracy ([0-9.]+), log-loss ([0-9.]+)", result.out)
    assert len(folds) == 5
    for values, name in zip(np.array(folds, float).T, ("accuracy", "log-loss"), strict=True):
        said = re.search(rf"^{name} ([0-9.]+) ± ([0-9.]+)", result.out, re.MULTILINE)
        assert said is not None
        assert float(said[1]) == pytest.approx(values.mean(), abs=1e-3)
        assert float(said[2]) == pytest.approx(values.std(ddof=1) / 5**0.5, abs=1e-3)
    assert list(Path.cwd().iterdir()) == []


# ---- other data ----


def test_a_table_is_learnt_evaluated_and_predicted(run: Any) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{y:.3f},{'left' if x < 0 else 'right'}" for x, y in rng.normal(size=(80, 2))]
    Path("table.csv").write_text("\n".join(["a,b,side", *rows]))
    result = run(
        "train", "table.csv", "--label", "side", "--epochs", "60", "--hidden", "8,4", "--activation", "tanh"
    )
    assert result.code == 0, result.err
    assert Path("runs/table/decision_regions.png").exists()
    model = ("--model", "runs/table/model.npz")
    assert run("predict", *model, "2,0").out.startswith("right")
    assert run("predict", *model, "--", "-2,0").out.startswith("left")
    assert run("evaluate", "table.csv", "--label", "side", *model).code == 0
    Path("swapped.csv").write_text("\n".join(["b,a,side", *rows]))
    assert "columns a, b" in run("evaluate", "swapped.csv", "--label", "side", *model).err
    Path("other.csv").write_text("a,b,side\n1,2,left\n3,4,middle\n")
    assert "'middle'" in run("evaluate", "other.csv", "--label", "side", *model).err
    Path("fewer.csv").write_text("a,b,side\n-1,2,x\n")
    for bad in ("1", "1,2,3", "1,x", "nan,1", "1e999,0", "", "1,,2", "١,٢"):
        failed = run("predict", *model, "--", bad)
        assert failed.code == 2
        assert failed.err.count("\n") == 1
    assert run("predict", *model, "--", "1,2", "3").code == 2


def test_spirals_and_digits_are_learnt_too(run: Any) -> None:
    assert run("train", "spirals", "--epochs", "2").code == 0
    assert Path("runs/spirals/decision_regions.png").exists()
    pytest.importorskip("sklearn")
    result = run("train", "digits", "--epochs", "2", "--out", "there/deep")
    assert result.code == 0
    assert Path("there/deep/model.npz").exists()
    assert run("evaluate", "digits", "--model", "there/deep/model.npz").code == 0


def test_a_run_goes_on_from_its_checkpoint(run: Any) -> None:
    options = ("--epochs", "4", "--out", "whole")
    assert run("train", "colours", *options, "--checkpoint", "kept").code == 0
    state = Path("kept/checkpoint.npz").read_bytes()
    assert (
        run("train", "colours", "--epochs", "4", "--out", "again", "--checkpoint", "kept", "--resume").code
        == 0
    )
    assert Path("kept/checkpoint.npz").read_bytes() == state
    assert Path("again/model.npz").read_bytes() == Path("whole/model.npz").read_bytes()
    Path("kept/checkpoint.npz").write_bytes(state[:-9])
    failed = run("train", "colours", *options, "--checkpoint", "kept", "--resume")
    assert failed.code == 2
    assert "damaged" in failed.err


# ---- mistakes ----


EXPLODING = ["train", "two.csv", "--lr", "1e38", "--epochs", "1", "--batch-size", "99"]
MISTAKES = {
    "no command": [],
    "unknown command": ["paint"],
    "unknown option": ["colours", "--colour"],
    "an option cut short": ["colours", "--epoch", "3"],
    "terminal orders in an option": ["colours", "\x1b[31m"],
    "no colour": ["predict"],
    "letters that are no digits": ["predict", "#ggg"],
    "digits of another script": ["predict", "00٣"],
    "a line break": ["predict", "#ff88\n00"],
    "a line break at the end": ["predict", "#ff8800\n"],
    "terminal orders": ["predict", "\x1b[31m"],
    "no model": ["predict", "#fff", "--model", "absent.npz"],
    "a folder as a model": ["predict", "#fff", "--model", "folder.npz"],
    "a damaged model": ["predict", "#fff", "--model", "damaged.npz"],
    "a model of another kind": ["predict", "#fff", "--model", "model.pt"],
    "no such data": ["train", "paintings"],
    "no such file": ["train", "absent.csv"],
    "NaN": ["train", "nan.csv"],
    "an empty file": ["train", "empty.csv"],
    "a file of bytes": ["train", "bytes.csv"],
    "no such label column": ["train", "good.csv", "--label", "kind"],
    "labels of what has its own": ["train", "spirals", "--label", "kind"],
    "too few rows": ["train", "good.csv", "--cv"],
    "no hidden units": ["colours", "--hidden", "0"],
    "hidden units that are no number": ["colours", "--hidden", "8,"],
    "epochs of another script": ["colours", "--epochs", "٣"],
    "no epochs": ["colours", "--epochs", "0"],
    "huge epochs": ["colours", "--epochs", "9" * 50],
    "an infinite rate": ["colours", "--lr", "1e999"],
    "a rate that is none": ["colours", "--lr", "nan"],
    "a negative rate": ["colours", "--lr=-1"],
    "a seed that is none": ["colours", "--seed", "-1"],
    "another activation": ["colours", "--activation", "swish"],
    "a file as output folder": ["colours", "--epochs", "1", "--out", "good.csv"],
    "a file above the output folder": ["colours", "--epochs", "1", "--out", "good.csv/deeper"],
    "a folder that nobody can make": ["colours", "--epochs", "1", "--out", "/proc/here"],
    "a name that is too long": ["colours", "--epochs", "1", "--out", "x" * 999],
    "a file as checkpoint folder": ["colours", "--epochs", "1", "--checkpoint", "good.csv"],
    "resume without a checkpoint": ["colours", "--resume"],
    "NUL in a path": ["train", "a\0b.csv"],
    "NUL in the model": ["predict", "#fff", "--model", "a\0b.npz"],
    "a rate beyond all weights": ["colours", "--lr", "1e300"],
    "a decay beyond all weights": ["train", "two.csv", "--weight-decay", "1e300"],
    "a rate that explodes at the end": EXPLODING,
    "a rate that explodes in a fold": [*EXPLODING, "--cv"],
    "a rate that explodes": ["train", "two.csv", "--lr", "1e38", "--hidden", "3", "--epochs", "9"],
}


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_line_and_exit_code_2(run: Any, trained: Path, arguments: list[str]) -> None:
    Path("folder.npz").mkdir()
    Path("damaged.npz").write_bytes((trained / "runs/colours/model.npz").read_bytes()[:2000])
    Path("nan.csv").write_text("a,label\n1,x\nnan,y\n")
    Path("empty.csv").write_text("")
    Path("bytes.csv").write_bytes(bytes(range(256)))
    Path("good.csv").write_text("a,label\n1,x\n2,y\n")
    Path("two.csv").write_text("a,label\n" + "1,x\n2,y\n" * 20)
    result = run(*arguments)
    assert result.code == 2
    lines = [line for line in result.err.splitlines() if not line.startswith("epoch ")]
    assert len(lines) == 1
    assert lines[0].startswith("tinygrad_sm")
    assert len(lines[0]) > 30
    assert lines[0].isprintable()
    assert "Traceback" not in result.err


def test_numbers_that_a_model_cannot_compute_with_are_one_clear_line(run: Any) -> None:
    Path("good.csv").write_text("a,b,label\n" + "1,2,x\n2,1,y\n" * 20)
    assert run("train", "good.csv", "--epochs", "2").code == 0
    Path("far.csv").write_text("a,b,label\n-3e38,3e38,y\n1,2,x\n")
    model = ("--model", "runs/good/model.npz")
    state = checkpoint.load("runs/good/model.npz")
    state["network"]["0.bias"][1] = np.nan
    checkpoint.save("nan.npz", state)
    for arguments, said in (
        (("predict", *model, "1,1", "1e308,-1e308"), "not finite for row 2"),
        (("evaluate", *model, "far.csv"), "not finite for row 1"),
        (("predict", "--model", "nan.npz", "1,1"), "0.bias is not finite"),
        (("evaluate", "--model", "nan.npz", "good.csv"), "0.bias is not finite"),
    ):
        result = run(*arguments)
        assert (result.code, result.err.count("\n")) == (2, 1), result.err
        assert said in result.err
        assert "nan" not in result.out


def test_the_logits_are_computed_once(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("good.csv").write_text("a,b,label\n" + "1,2,x\n2,1,y\n" * 20)
    assert run("train", "good.csv", "--epochs", "1").code == 0
    model, calls = ("--model", "runs/good/model.npz"), []
    logits = train.Classifier.logits
    monkeypatch.setattr(train.Classifier, "logits", lambda *of: calls.append(1) or logits(*of))
    for arguments in ("predict", *model, "1,1"), ("evaluate", *model, "good.csv"):
        calls.clear()
        assert run(*arguments).code == 0
        assert len(calls) == 1
    calls.clear()
    assert run("train", "good.csv", "--epochs", "1", "--cv").code == 0
    assert len(calls) == 5  # one for each fold


@pytest.mark.parametrize("far", ["3.4e38", "3e38", "1e-38"])
def test_a_table_of_numbers_at_the_edge_is_learnt_and_drawn(run: Any, far: str) -> None:
    pytest.importorskip("matplotlib")
    Path("far.csv").write_text("a,b,label\n" + f"{far},0,x\n-{far},-{far},y\n" * 20)
    result = run("train", "far.csv", "--epochs", "3")
    assert result.code == 0, result.err
    assert all(line.startswith("epoch ") for line in result.err.splitlines())
    assert Path("runs/far/decision_regions.png").stat().st_size > 2000


def test_no_traceback_from_a_fresh_process_either(tmp_path: Path) -> None:
    done = shell("tinygrad_sm predict '#ggg'", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"tinygrad_sm: .*\n", done.stderr)


def test_help_explains(run: Any) -> None:
    for command in ([], ["colours"], ["train"], ["predict"], ["evaluate"]):
        result = run(*command, "--help")
        assert result.code == 0
        assert result.err == ""
        for option in re.findall(r"^  (--[a-z-]+).*?(?=\n  \S|\Z)", result.out, re.MULTILINE | re.DOTALL):
            assert option.startswith("--")
    assert "exit codes" in run("--help").out


def test_names_from_files_are_shown_not_obeyed(run: Any) -> None:
    Path("names.csv").write_text("x,label\n" + '1,"\x1b[31mred"\n2,"a\tb"\n3,$x_{\n' * 10)
    result = run("train", "names.csv", "--epochs", "2")
    assert result.code == 0, result.err
    assert all(line.isprintable() for line in result.out.splitlines())
    assert r"\x1b[31mred" in result.out
    assert all(
        line.isprintable() for line in run("predict", "1", "--model", "runs/names/model.npz").out.splitlines()
    )
    failed = run("train", "\x1b[31m.csv")
    assert "\x1b" not in failed.err


# ---- what is missing ----


def test_without_matplotlib_the_job_says_what_it_left_out(tmp_path: Path) -> None:
    (tmp_path / "hidden" / "matplotlib").mkdir(parents=True)
    (tmp_path / "hidden" / "matplotlib" / "__init__.py").write_text("raise ImportError('no Matplotlib here')")
    done = shell(
        "tinygrad_sm colours --epochs 1", tmp_path, PYTHONPATH=f"{tmp_path / 'hidden'}{os.pathsep}{ROOT}"
    )
    assert done.returncode == 0, done.stderr
    names = ("learning_curve.png", "confusion_matrix.png", "decision_map.png")
    left_out = next(line for line in done.stdout.splitlines() if line.startswith("left out: "))
    assert all(name in left_out for name in names)
    assert "pip install 'tinygrad_sm[plots]'" in left_out
    assert sorted(path.name for path in (tmp_path / "runs" / "colours").iterdir()) == [
        "graph.svg",
        "model.npz",
        "network.svg",
    ]


def test_the_graph_needs_no_other_program_and_holds_values_and_gradients(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = shell(f'PATH="{tmp_path / "bin"}" tinygrad_sm colours --epochs 1', tmp_path)
    assert done.returncode == 0, done.stderr
    picture = (tmp_path / "runs/colours/graph.svg").read_text()
    assert all(word in picture for word in ("SoftmaxCrossEntropy", "0.weight", "2.bias", "labels", "loss"))
    network = (tmp_path / "runs/colours/network.svg").read_text()
    assert all(f">{word}</text>" in network for word in ("red", "black", "brown", "hidden, ReLU"))
    assert network.count('class="into chosen"') == 1


# ---- pipes, disks, terminals ----


def test_a_reader_who_goes_away_does_not_end_the_job(tmp_path: Path, trained: Path) -> None:
    done = shell("tinygrad_sm colours --epochs 1 | head -n 1", tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert (tmp_path / "runs/colours/model.npz").exists()
    for command in ("predict '#fff'", "--help", "evaluate colours"):
        done = shell(f"tinygrad_sm {command} | true", trained)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_one_line_and_exit_code_1(trained: Path) -> None:
    done = shell("tinygrad_sm predict '#fff' >/dev/full", trained)
    assert done.returncode == 1
    assert re.fullmatch(r"tinygrad_sm: .*No space left on device\n", done.stderr)


def test_closed_streams_are_no_errors(trained: Path) -> None:
    assert shell("tinygrad_sm predict '#fff' >&-", trained).returncode == 0
    assert shell("tinygrad_sm predict '#ggg' 2>&-", trained).returncode == 2


def test_a_terminal_without_unicode_gets_all_the_text(trained: Path) -> None:
    done = shell("tinygrad_sm colours --cv --epochs 1", trained, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert r"\xb1" in done.stdout


IN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches it
signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a job in the background inherits as ignored
os.execv(sys.executable, [sys.executable, "-m", "tinygrad_sm", *sys.argv[1:]])
"""


def in_terminal(folder: Path, *arguments: str, interrupt: str = "") -> tuple[int, str]:
    """Exit code and output in a terminal of 100 columns; Ctrl-C once a text has appeared."""
    terminal, inside = pty.openpty()  # not pty.fork(): other libraries may have started threads
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *arguments], cwd=folder, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TQDM_MININTERVAL": "0.01"},
        stdin=inside, stdout=inside, stderr=inside,
    )  # fmt: skip
    os.close(inside)
    output, pressed, began = b"", not interrupt, time.monotonic()
    while time.monotonic() - began < 60:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                output += os.read(terminal, 65536)
            except OSError:  # it is closed
                break
        if not pressed and interrupt.encode() in output:
            os.write(terminal, b"\x03")
            pressed = True
    else:
        process.kill()
    os.close(terminal)
    return process.wait(), output.decode()


def test_ctrl_c_keeps_what_was_learnt_and_says_so_by_exit_code_130(tmp_path: Path) -> None:
    code, output = in_terminal(
        tmp_path, "colours", "--epochs", "100000", "--hidden", "4", interrupt="epoch 3"
    )
    assert code == 130
    assert "what was learnt is kept" in output
    assert "Traceback" not in output
    assert "rows/s" in output
    assert train.Classifier.load(tmp_path / "runs/colours/model.npz").score(
        data.colours().inputs, data.colours().labels
    )
