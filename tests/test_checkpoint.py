"""Files of arrays: what was saved is read back, and whatever else is one CheckpointError."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_sm import checkpoint
from tinygrad_sm.checkpoint import load, save
from tinygrad_sm.errors import CheckpointError

SMALL = {"weight": np.array([[1.5, -2.0]], np.float32), "rate": 0.1, "name": "sgd"}
DTYPES = ["?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", ">f8", ">i4"]


def same(a: Any, b: Any) -> bool:
    """Equal bit for bit, in the same nesting; tuples count as lists, and byte order does not count."""
    if isinstance(a, np.ndarray):
        little = a.astype(a.dtype.newbyteorder("<"))
        return type(b) is np.ndarray and (little.shape, little.dtype, little.tobytes()) == (
            b.shape,
            b.dtype,
            b.tobytes(),
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a)


def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the current thread, for a test that Hypothesis calls many times."""
    folder = tmp_path_factory.getbasetemp() / f"thread{threading.get_ident()}"
    folder.mkdir(exist_ok=True)
    return folder


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failure(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(str(path)) in message
    return message


names = st.text(max_size=8) | st.sampled_from(
    ["file", "allow_pickle", "manifest.json", "../x", "a/b", "a.b", "\0", "\ud800", "ключ", "weight.npy"]
)
arrays = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
leaves = arrays | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
states = st.dictionaries(
    names,
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(names, inner, max_size=3)
            | st.dictionaries(st.integers(), inner, max_size=3)
        ),
    ),
    max_size=5,
)


@given(states)
@example({"a": {"b": np.zeros(1)}, "a.b": np.ones(2), "a_b": np.ones(3), "a b": np.ones(4)})
def test_what_was_saved_is_read_back(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    path = own(tmp_path_factory) / "state.npz"
    save(path, state)
    assert same(state, load(path))


@pytest.mark.parametrize(
    "state",
    [
        {"2_x_": np.zeros(1), "x_": np.ones(2), "x/": np.ones(3)},
        {"x_": np.zeros(1), "1_x_": np.ones(2), "x/": np.ones(3), "x.": np.ones(4), "2_x/": np.ones(5)},
        {"x" * 70_000: np.zeros(1), "x" * 70_001: np.ones(2)},
        {"ж" * 70_000: np.zeros(1), "a": {"b" * 40_000: {"c" * 40_000: np.ones(1)}}},
        {"\ud83d\ude00": np.zeros(1), "\U0001f600": np.ones(2), "text": "\ud83d\ude00"},
    ],
)
def test_names_that_are_alike_or_long_are_read_back(tmp_path: Path, state: dict[str, Any]) -> None:
    path = small_file(tmp_path)
    save(path, state)
    assert same(state, load(path))


@pytest.fixture(params=[".npz", ".safetensors"])
def suffix(request: pytest.FixtureRequest) -> str:
    if request.param == ".safetensors":
        pytest.importorskip("safetensors")
    return request.param


def test_arrays_of_any_layout_keep_their_values(tmp_path: Path, suffix: str) -> None:
    base = np.arange(24.0).reshape(2, 3, 4)
    state = {
        "transposed": base.T,
        "fortran": np.asfortranarray(base),
        "sliced": base[:, ::2, 1:],
        "reversed": base[::-1, :, ::-1],
        "broadcast": np.broadcast_to(np.float32([1, 2]), (3, 2)),
        "scalar": np.array(3.5),
        "empty": np.zeros((0, 3), np.int8),
        "big": base.astype(">f4"),
    }
    save(tmp_path / f"state{suffix}", state)
    loaded = load(tmp_path / f"state{suffix}")
    assert loaded.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype.itemsize == array.dtype.itemsize
        assert loaded[name].flags.writeable
        assert loaded[name].flags.owndata or loaded[name].base is not None


def test_numpy_and_safetensors_read_the_files_too(tmp_path: Path) -> None:
    save(tmp_path / "state.npz", SMALL)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as members:
        np.testing.assert_array_equal(members["weight"], SMALL["weight"])
        assert json.loads(members["manifest.json"])["values"]["rate"] == 0.1
    safetensors = pytest.importorskip("safetensors.numpy")
    save(tmp_path / "state.safetensors", {"weight": SMALL["weight"].T})
    np.testing.assert_array_equal(
        safetensors.load_file(tmp_path / "state.safetensors")["weight"], SMALL["weight"].T
    )
    safetensors.save_file({"weight": SMALL["weight"]}, tmp_path / "foreign.safetensors")
    assert same(load(tmp_path / "foreign.safetensors"), {"weight": SMALL["weight"]})


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", SMALL)
    save(tmp_path / "b.npz", SMALL)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "state",
    [
        [np.zeros(2)],
        {1.5: np.zeros(2)},
        {"a": {1: 2, "1": 3}},
        {True: 1},
        {"a": np.zeros(2, complex)},
        {"a": np.array(["text"])},
        {"a": np.array([None])},
        {"a": np.zeros(2, np.longdouble)},
        {"a": np.zeros(2, "M8[s]")},
        {"a": np.ma.array([1.0], mask=[True])},
        {"a": object()},
        {"a": {1.5}},
        {"a": b"bytes"},
        {"a": 10**5000},
    ],
)
def test_what_a_file_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, state: Any) -> None:
    with pytest.raises(CheckpointError):
        save(tmp_path / "state.npz", state)
    with pytest.raises(CheckpointError):
        save(tmp_path / "state.safetensors", state)
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_holds_itself_is_refused(tmp_path: Path) -> None:
    state: dict[str, Any] = {}
    state["state"] = state
    with pytest.raises(CheckpointError):
        save(tmp_path / "state.npz", state)


@pytest.mark.parametrize("name", ["state", "state.pt", "state.npy", ".npz"])
def test_the_name_says_the_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"\.npz or \.safetensors"):
        save(tmp_path / name, SMALL)
    with pytest.raises(CheckpointError, match=r"\.npz or \.safetensors"):
        load(tmp_path / name)


def test_places_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "loop.npz").symlink_to(tmp_path / "loop.npz")
    for path in ["absent/state.npz", "folder.npz", "file/state.npz", "x" * 300 + ".npz", "a\0b.npz"]:
        with pytest.raises(CheckpointError):
            save(tmp_path / path, SMALL)
        failure(tmp_path / path)
    for path in ["absent.npz", "pipe.npz", "loop.npz"]:
        failure(tmp_path / path)
    assert listing(tmp_path) == ["file", "folder.npz", "loop.npz", "pipe.npz"]


def test_a_link_stays_a_link_and_modes_follow_the_umask(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to("real.npz")
    save(tmp_path / "link.npz", SMALL)
    assert (tmp_path / "link.npz").is_symlink()
    assert same(load(tmp_path / "real.npz"), SMALL)
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "real.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ---- damage ----


def small_file(folder: Path, suffix: str = ".npz") -> Path:
    path = folder / f"small{suffix}"
    save(path, SMALL if suffix == ".npz" else {"weight": SMALL["weight"]})
    return path


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_every_flipped_bit_is_refused_or_harmless(tmp_path: Path, suffix: str) -> None:
    path = small_file(tmp_path, suffix)
    good, state, refused = path.read_bytes(), load(path), 0
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(good):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), place)
                try:
                    assert same(state, load(path)), f"bit {bit} of byte {place} changed what is read"
                except CheckpointError:
                    refused += 1
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert path.read_bytes() == good
    assert refused > 4 * len(good)


def test_every_cut_is_refused(tmp_path: Path, suffix: str) -> None:
    path = small_file(tmp_path, suffix)
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        failure(path)


@given(content=st.binary(max_size=300), where=st.integers(0, 2000), keep=st.booleans())
def test_any_bytes_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, where: int, keep: bool
) -> None:
    folder = own(tmp_path_factory)
    for suffix in (".npz", ".safetensors"):
        path = small_file(folder, suffix)
        good, state = path.read_bytes(), load(path)
        path.write_bytes(good[:where] + content + good[where + (len(content) if keep else 0) :])
        try:
            loaded = load(path)
        except CheckpointError:
            continue
        assert same(state, loaded)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = own(tmp_path_factory) / "foreign.npz"
    path.write_bytes(content)
    failure(path)


def rebuilt(path: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None], **how: Any) -> Path:
    """The file again, as somebody with a zip tool would change it: consistent as a zip."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest, members)
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array: Any, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def touched() -> None:
    Path(os.environ["TOUCHED"]).write_text("executed")


class Bomb:
    def __reduce__(self) -> Any:
        return touched, ()


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHED", str(tmp_path / "touched"))
    objects = npy(np.array([Bomb()], object), pickled=True)

    def pickled(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["weight.npy"] = objects

    def announced(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["weight.npy"] = objects
        manifest["arrays"][0].update(shape=[1], dtype="|O")

    failure(rebuilt(small_file(tmp_path), pickled))
    failure(rebuilt(small_file(tmp_path), announced))
    np.savez(tmp_path / "foreign.npz", weight=np.array([Bomb()], object), allow_pickle=True)
    failure(tmp_path / "foreign.npz")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Bomb()))
    failure(tmp_path / "pickle.npz")
    assert not (tmp_path / "touched").exists()


CHANGES: dict[str, Callable[[dict[str, Any], dict[str, bytes]], Any]] = {
    "lost member": lambda manifest, members: members.pop("weight.npy"),
    "extra member": lambda manifest, members: members.update({"extra.npy": npy(np.zeros(1))}),
    "other values": lambda manifest, members: members.update({"weight.npy": npy(np.float32([[1, 2]]))}),
    "other shape": lambda manifest, members: members.update({"weight.npy": npy(np.float32([1.5, -2]))}),
    "other dtype": lambda manifest, members: members.update({"weight.npy": npy(np.float64([[1.5, -2]]))}),
    "other kind": lambda manifest, members: members.update({"weight.npy": npy(np.array([["a", "b"]]))}),
    "fortran": lambda manifest, members: members.update(
        {"weight.npy": npy(np.asfortranarray(np.float32([[1.5, 3], [-2, 4]])))}
    ),
    "longer": lambda manifest, members: members.update({"weight.npy": members["weight.npy"] + b"\0"}),
    "shorter": lambda manifest, members: members.update({"weight.npy": members["weight.npy"][:-1]}),
    "no npy": lambda manifest, members: members.update({"weight.npy": b""}),
    "no format": lambda manifest, members: manifest.pop("format"),
    "later version": lambda manifest, members: manifest.update(version=2),
    "no arrays": lambda manifest, members: manifest.update(arrays=[]),
    "arrays twice": lambda manifest, members: manifest["arrays"].append(manifest["arrays"][0]),
    "no numbers": lambda manifest, members: manifest["numbered"].append([]),
    "numbers twice": lambda manifest, members: (
        manifest["values"].update(epochs={"1": 2}),
        manifest["numbered"].extend([["epochs"], ["epochs"]]),
    ),
    "one number twice": lambda manifest, members: (
        manifest["values"].update(epochs={"1": 2, "01": 3}),
        manifest["numbered"].append(["epochs"]),
    ),
    "numbers of what is none": lambda manifest, members: manifest["numbered"].append(["rate"]),
    "no dict": lambda manifest, members: manifest.update(values=[], arrays=[]),
    "no path": lambda manifest, members: manifest["arrays"][0].update(path=[]),
    "path over a value": lambda manifest, members: manifest["arrays"][0].update(path=["rate"]),
    "path of a fool": lambda manifest, members: manifest["arrays"][0].update(path=[["x"], {}]),
    "negative shape": lambda manifest, members: manifest["arrays"][0].update(shape=[-1, -2]),
    "huge shape": lambda manifest, members: manifest["arrays"][0].update(shape=[2**40, 2**40]),
    "huge empty shape": lambda manifest, members: manifest["arrays"][0].update(shape=[0, 2**80]),
    "no shape": lambda manifest, members: manifest["arrays"][0].update(shape=None),
    "boolean shape": lambda manifest, members: manifest["arrays"][0].update(shape=[True, 2]),
    "no dtype": lambda manifest, members: manifest["arrays"][0].update(dtype=["<f4"]),
    "no checksum": lambda manifest, members: manifest["arrays"][0].pop("sha256"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_contradiction_is_refused(tmp_path: Path, change: Any) -> None:
    failure(rebuilt(small_file(tmp_path), change))


def test_rebuilding_alone_is_harmless(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    assert same(load(path), load(rebuilt(path, lambda manifest, members: None)))


@pytest.mark.thread_unsafe(reason="tracemalloc sees all threads")
def test_a_file_that_claims_more_than_it_holds_takes_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    def bloated(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["weight.npy"] = npy(np.zeros(2**24, np.float32))
        manifest["arrays"][0].update(shape=[2**24])

    path = rebuilt(small_file(tmp_path), bloated, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    failure(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


def test_compressed_members_are_refused_also_where_they_are_small(tmp_path: Path) -> None:
    path = rebuilt(small_file(tmp_path), lambda manifest, members: None, compression=zipfile.ZIP_DEFLATED)
    assert "compressed" in failure(path)


def test_members_that_claim_more_than_the_file_has_are_refused(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (2**30).to_bytes(4, "little")  # the size in the central directory
    path.write_bytes(content)
    assert "claim to be larger" in failure(path)


def test_deep_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", "[" * 10**5)
    failure(path)


# ---- writing that fails, and writers that die ----


def test_the_old_file_is_kept_if_a_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path)
    good = path.read_bytes()

    def full(*arguments: Any, **keywords: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for module, name in [(np.lib.format, "write_array"), (os, "fsync"), (Path, "replace")]:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(CheckpointError, match="No space left"):
                save(path, {"weight": np.zeros(100)})
        assert path.read_bytes() == good
        assert listing(tmp_path) == [path.name]


def test_the_old_file_is_kept_on_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path)

    def interrupted(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(path, {"weight": np.zeros(100)})
    assert same(load(path), SMALL)
    assert listing(tmp_path) == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_disk_that_is_really_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path)
    real = checkpoint._temporary

    def on_full_disk(target: Path) -> tuple[Path, Any]:
        temporary, file = real(target)
        file.close()
        return temporary, Path("/dev/full").open("wb")

    monkeypatch.setattr(checkpoint, "_temporary", on_full_disk)
    with pytest.raises(CheckpointError, match="No space left"):
        save(path, {"weight": np.zeros(10**5)})
    assert same(load(path), SMALL)
    assert listing(tmp_path) == [path.name]


def test_the_folder_is_flushed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(tmp_path / "state.npz", SMALL)
    assert flushed == [False, True]


def test_what_dead_writers_left_is_swept_and_what_live_ones_write_is_not(tmp_path: Path) -> None:
    path = tmp_path / "st*[a]te.npz"
    left = tmp_path / f".{path.name}.0123.tmp"
    other = tmp_path / ".other.npz.0123.tmp"
    for file in (left, other):
        file.write_bytes(b"half")
    temporary, file = checkpoint._temporary(path)
    checkpoint.sweep(path)
    assert not left.exists()
    assert other.exists()
    assert temporary.exists()
    file.close()
    save(path, SMALL)
    assert not temporary.exists()


def test_a_file_that_is_about_to_take_its_place_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "state.npz", Path.replace

    def late(temporary: Path, target: Path) -> Path:
        checkpoint.sweep(path)  # as another writer does in that moment
        return replace(temporary, target)

    monkeypatch.setattr(Path, "replace", late)
    save(path, SMALL)
    assert same(load(path), SMALL)


@pytest.mark.thread_unsafe(reason="it starts threads of its own")
def test_writers_and_readers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save(path, SMALL)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(10):
                save(path, {"number": number, "array": np.full(1000, number)})
                state = load(path)
                assert "array" not in state or (state["array"] == state["number"]).all()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert listing(tmp_path) == [path.name]


KILLED = """
import os, random, signal, sys, time
import numpy as np
from tinygrad_sm.checkpoint import load, save

path, dice = sys.argv[1], random.Random(0)
save(path, {"number": 0, "array": np.zeros(20_000), "text": ""})
kills = inside = 0
while kills < 50 or (kills < 500 and (number <= 20 or inside <= 10)):  # more of them on a busy machine
    kills += 1
    child = os.fork()
    number = load(path)["number"]
    while not child:
        number += 1
        save(path, {"number": number, "array": np.full(20_000, number), "text": "x" * number})
    time.sleep(dice.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    state = load(path)
    assert (state["array"] == state["number"]).all()
    number = state["number"]
    assert len(state["text"]) == number
    inside += any(name.endswith(".tmp") for name in os.listdir(os.path.dirname(path)))
print(number, inside)
"""


@pytest.mark.thread_unsafe  # the kills are timed
def test_whoever_is_killed_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    command = [sys.executable, "-c", KILLED, str(path)]
    output = subprocess.check_output(command, cwd=Path(__file__).parents[1], text=True, timeout=100)
    saved, inside = map(int, output.split())
    assert saved > 20
    assert inside > 10  # kills that came while a file was being written
    save(path, SMALL)
    assert listing(tmp_path) == [path.name]
