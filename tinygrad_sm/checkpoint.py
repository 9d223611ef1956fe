"""State dicts, models and checkpoints in files that are whole or refused, and hold no pickle.

A `.npz` file is a zip of stored `.npy` members, which NumPy reads too, and of `manifest.json`. The manifest
says what the file holds, so that nothing can be lost, added or changed unnoticed:

    {"format": "tinygrad_sm", "version": 1,
     "values": the state with null in the place of each array,
     "numbered": the paths of the dicts whose keys are whole numbers, which JSON makes texts of,
     "arrays": [{"path": keys that lead to it, "member": its name in the zip, "shape", "dtype", "sha256"}]}

Every write goes to a temporary file in the same folder, which takes the place of the old file when it is
complete and on the disk: whatever happens in between, a reader finds the old state or the new one.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import json
import math
import os
import re
import secrets
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import CheckpointError, MissingError

try:
    import fcntl
except ImportError:  # Windows, which deletes no file that is open
    fcntl = None  # type: ignore[assignment]

__all__ = ["load", "save", "sweep"]

NDArray = np.ndarray[Any, np.dtype[Any]]
Serialise = Callable[[dict[str, Any]], Callable[[BinaryIO], Any]]  # checks a state, gives what writes it
Read = Callable[[BinaryIO, int], dict[str, Any]]  # of a file and its size
MANIFEST, FORMAT, VERSION = "manifest.json", "tinygrad_sm", 1
DTYPES = ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")


def save(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state dict to a `.npz` or `.safetensors` file, whole or not at all.

    path    where to; a file that is there is replaced at the end, and stays as it is if anything goes wrong
    state   names and their arrays, of real numbers and any shape. In a `.npz` file values may be numbers too,
            texts, True, False, None, and dicts and lists of all these (tuples come back as lists), so that
            an optimiser's state_dict is one too

    Raises CheckpointError for what such a file cannot hold and for whatever prevents writing (no such folder,
    a full disk), MissingError for a `.safetensors` file where safetensors is not installed.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "state.npz")
    ...     save(path, {"weight": np.eye(2), "epoch": 3})
    ...     load(path)
    {'weight': array([[1., 0.],
           [0., 1.]]), 'epoch': 3}
    """
    serialise, _ = _kind(path)
    if not isinstance(state, dict):
        raise CheckpointError(f"the state is a {type(state).__name__}; it must be a dict of names and arrays")
    content = serialise(state)
    try:
        target = _real(path)
        sweep(target)
        with _replacing(target) as file:
            content(file)
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        raise CheckpointError(f"cannot write {str(path)!r}: {_reason(error)}") from error


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state dict in a file that `save` wrote, or in any `.safetensors` file.

    Nothing in the file is executed, nothing larger than the file is taken from memory.
    Raises CheckpointError whatever is wrong with it, MissingError for a `.safetensors` file where safetensors
    is not installed.
    """
    _, read = _kind(path)
    try:
        target = Path(path)
        if not stat.S_ISREG(target.stat().st_mode):
            raise CheckpointError("it is not a file")
        with target.open("rb") as file:
            return read(file, os.fstat(file.fileno()).st_size)
    except MissingError:
        raise
    except (CheckpointError, OSError) as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {_reason(error)}") from error
    except Exception as error:  # readers of zip, npy, JSON and safetensors leak a dozen for damaged files
        raise CheckpointError(f"cannot read {str(path)!r}: it is damaged or foreign ({error})") from error


def sweep(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files that writers of this file left behind when they were killed."""
    target = _real(path)
    with contextlib.suppress(OSError):
        for left in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
            with contextlib.suppress(OSError), left.open("rb") as file:
                if _locked(file):  # so nobody writes it any more
                    left.unlink()


def _kind(path: str | os.PathLike[str]) -> tuple[Serialise, Read]:
    kinds: dict[str, tuple[Serialise, Read]]
    kinds = {".npz": (_npz, _read_npz), ".safetensors": (_safetensors, _read_safetensors)}
    suffix = Path(path).suffix
    if suffix not in kinds:
        raise CheckpointError(f"{str(path)!r}: the name of a file of arrays ends in .npz or .safetensors")
    return kinds[suffix]


def _real(path: str | os.PathLike[str]) -> Path:
    """Where the file itself is: what a link points to is replaced, not the link."""
    return Path(os.path.realpath(path))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


# ---- writing ----


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of the target when it is closed without an error."""
    temporary, file = _temporary(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                temporary.replace(target)  # while it is locked, so that nobody sweeps it away before
        if fcntl is None:
            temporary.replace(target)  # Windows renames no open file
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # the new name is on the disk too
        finally:
            os.close(folder)


def _temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A file beside the target, locked, so that nobody else sweeps it away."""
    while True:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        file = temporary.open("xb")
        with contextlib.suppress(OSError):  # a file system without locks, where nobody sweeps either
            if not (_locked(file) and temporary.exists()):  # somebody swept between the two steps
                file.close()
                continue
        return temporary, file


def _locked(file: BinaryIO) -> bool:
    """Whether this process now has the file for itself."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _npz(state: dict[str, Any]) -> Callable[[BinaryIO], None]:
    """What writes the state as a zip."""
    arrays: dict[str, NDArray] = {}
    entries: list[dict[str, Any]] = []
    numbered: list[list[str | int]] = []

    def value(here: Any, path: list[str | int]) -> Any:
        if isinstance(here, np.ndarray):
            array = _array(here, path)
            name = re.sub(r"[^A-Za-z0-9_.-]+", "_", ".".join(map(str, path)))
            member = f"{name[:100]}.npy"  # a zip takes no name of any length
            while member in arrays:
                member = f"{len(arrays)}_{member}"
            arrays[member] = array
            entries.append({"path": path, "member": member, **_description(array)})
            return None
        if isinstance(here, dict):
            if here and all(type(key) is int for key in here):
                numbered.append(path)
            elif not all(isinstance(key, str) for key in here):
                raise CheckpointError(f"{_at(path)} is a dict whose keys are not all texts, nor all ints")
            return {key: value(inner, [*path, key]) for key, inner in here.items()}
        if isinstance(here, list | tuple):
            return [value(inner, [*path, i]) for i, inner in enumerate(here)]
        plain = here.item() if isinstance(here, np.generic) else here
        if plain is None or isinstance(plain, bool | int | float | str):
            return plain
        raise CheckpointError(
            f"{_at(path)} is a {type(here).__name__}; "
            f"a file holds arrays (of a tensor: .numpy()), numbers and texts"
        )

    try:
        about = {"format": FORMAT, "version": VERSION, "values": value(state, [])}
        about |= {"numbered": numbered, "arrays": entries}
        # not escaped: of escapes two letters may come back as one
        manifest = json.dumps(about, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError) as error:
        raise CheckpointError(f"the state does not fit into a file: {error}") from error

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST), manifest)
            for member, array in arrays.items():
                with archive.open(zipfile.ZipInfo(member), "w", force_zip64=array.nbytes > 2**30) as stream:
                    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)

    return write


def _array(array: NDArray, path: list[str | int]) -> NDArray:
    """A little-endian copy in C order; a CheckpointError where it does not hold plain numbers."""
    dtype = array.dtype.newbyteorder("<")
    if type(array) is not np.ndarray or dtype.str not in DTYPES:
        raise CheckpointError(
            f"{_at(path)} is {type(array).__name__} of dtype {array.dtype}; a file holds plain arrays of "
            f"bool, integers of up to 64 bits and floats of 16, 32 and 64 bits"
        )
    return np.array(array, dtype, order="C")


def _description(array: NDArray) -> dict[str, Any]:
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return {"shape": list(array.shape), "dtype": array.dtype.str, "sha256": digest}


def _at(path: list[str | int]) -> str:
    return "state" + "".join(f"[{key!r}]" for key in path)


# ---- reading ----


def _read_npz(file: BinaryIO, size: int) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if MANIFEST not in members:
            raise CheckpointError(f"it has no {MANIFEST}, so tinygrad_sm did not write it")
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise CheckpointError("a member is compressed; tinygrad_sm stores them plainly")
        if sum(info.file_size for info in archive.infolist()) > size:
            raise CheckpointError(f"its members claim to be larger than the file of {size} bytes")
        manifest = json.loads(archive.read(MANIFEST))
        if manifest["format"] != FORMAT or manifest["version"] != VERSION:
            raise CheckpointError(f"its format is not {FORMAT} {VERSION}; a later version may read it")
        names = [MANIFEST, *(entry["member"] for entry in manifest["arrays"])]
        if sorted(names) != sorted(archive.namelist()):
            raise CheckpointError("members were lost or added since it was written")
        state = manifest["values"]
        if not isinstance(state, dict):
            raise CheckpointError("it does not hold a dict")
        for path in manifest["numbered"]:
            place = _place(state, path)
            content = {int(key): value for key, value in place.items()}
            if list(map(str, content)) != list(place):
                raise CheckpointError(f"{_at(path)} has keys that are not the numbers that they should be")
            place.clear()
            place.update(content)
        for entry in manifest["arrays"]:
            *parents, key = entry["path"]
            place = _place(state, parents)
            if place[key] is not None:
                raise CheckpointError(f"{_at(entry['path'])} is said to be two things")
            place[key] = _read_array(archive, members[entry["member"]], entry)
    return state


def _place(state: Any, path: list[str | int]) -> Any:
    """What the keys lead to."""
    for key in path:
        state = state[key]
    return state


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: dict[str, Any]) -> NDArray:
    shape, dtype = tuple(entry["shape"]), entry["dtype"]
    if dtype not in DTYPES or not all(type(n) is int and n >= 0 for n in shape):
        raise CheckpointError(f"{_at(entry['path'])} is no array of real numbers")
    content = io.BytesIO(archive.read(info))
    if np.lib.format.read_magic(content) != (1, 0):
        raise CheckpointError(f"{_at(entry['path'])} is in another version of NumPy's format")
    header = content.read(int.from_bytes(content.read(2), "little")).strip()
    announced = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    data = content.getbuffer()[content.tell() :]
    if header != announced or len(data) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise CheckpointError(f"{_at(entry['path'])} is not of the shape and dtype that the file announces")
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    if _description(array) != {key: entry[key] for key in ("shape", "dtype", "sha256")}:
        raise CheckpointError(f"{_at(entry['path'])} is damaged: its checksum is wrong")
    return array


# ---- safetensors ----


def _safetensors(state: dict[str, Any]) -> Callable[[BinaryIO], Any]:
    """What writes the state with the safetensors library, which is handed nothing but arrays in C order."""
    numpy = _library()
    arrays = {}
    for name, array in state.items():
        if not isinstance(name, str) or name == "__metadata__" or not isinstance(array, np.ndarray):
            raise CheckpointError(
                f"{_at([name])} is a {type(array).__name__}; a .safetensors file holds named arrays only"
            )
        arrays[name] = _array(array, [name])
    about = json.dumps({name: _description(array) for name, array in arrays.items()})
    try:
        content: bytes = numpy.save(arrays, {FORMAT: about})
    except Exception as error:  # it has a class of its own, and leaks others
        raise CheckpointError(f"safetensors cannot hold this state: {error}") from error
    return lambda file: file.write(content)


def _read_safetensors(file: BinaryIO, size: int) -> dict[str, Any]:
    content = file.read(size)
    state: dict[str, Any] = _library().load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = header.get("__metadata__", {}).get(FORMAT)
    found = {name: _description(array) for name, array in state.items()}
    if about is not None and json.loads(about) != found:
        raise CheckpointError("it is damaged: a checksum is wrong")
    return state


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingError(
            f"a .safetensors file needs safetensors, which is missing ({error}): "
            f"pip install 'tinygrad_sm[safetensors]'"
        ) from error
    return safetensors.numpy
