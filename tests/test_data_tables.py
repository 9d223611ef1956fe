"""CSV files: what is right is read right, whatever else is one clear DataError."""

from __future__ import annotations

import csv
import io
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_sm import data
from tinygrad_sm.errors import DataError

GOOD = "a,b,label\n1,2,u\n3,4,v\n"


def read(folder: Path, content: str | bytes, label: str = "label", **keywords: object) -> data.Dataset:
    path = folder / "table.csv"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return data.read_csv(path, label=label, **keywords)


def failure(folder: Path, content: str | bytes, label: str = "label") -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, label)
    message = str(caught.value)
    assert "table.csv" in message
    assert "\n" not in message
    return message


def test_a_table_is_read(tmp_path: Path) -> None:
    table = read(tmp_path, "a,kind,b\n1,pear,-2.5e-1\n+.5,apple,4.\n7,pear,1E2\n", label="kind")
    np.testing.assert_array_equal(table.inputs, np.array([[1, -0.25], [0.5, 4], [7, 100]], np.float32))
    assert table.inputs.dtype == np.float32
    assert table.labels.tolist() == [1, 0, 1]
    assert table.labels.dtype == np.int64
    assert table.classes == ("apple", "pear")
    assert table.features == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\n\n") + "\n\n",
        GOOD.replace("\n", "\n  \n"),
        GOOD.replace(",", " ,\t"),
        GOOD.replace(",", "  , "),
        '"a", "b","label"\n"1","2","u"\n3, "4", "v"\n',
    ],
)
def test_spellings_that_mean_the_same(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, text)
    assert table.inputs.tolist() == [[1, 2], [3, 4]]
    assert (table.labels.tolist(), table.classes, table.features) == ([0, 1], ("u", "v"), ("a", "b"))


def test_cells_may_hold_commas_quotes_line_breaks_and_formulas(tmp_path: Path) -> None:
    labels = ["a,b", 'say "x"', "two\nlines", "=1+1", "__import__('os')", "{0}%s", "ß日本"]
    text = io.StringIO()
    csv.writer(text).writerows([["x", "label"], *([str(i), label] for i, label in enumerate(labels))])
    table = read(tmp_path, text.getvalue())
    assert [table.classes[i] for i in table.labels] == labels
    assert table.classes == tuple(sorted(labels))


def test_the_column_of_labels_is_called_label_by_default(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(GOOD)
    assert data.read_csv(str(tmp_path / "table.csv")).features == ("a", "b")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9", "-1", "1e1000"], ("-1", "9", "10", "1e1000")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["0.5", ".25"], (".25", "0.5")),
        (["٣", "2"], ("2", "٣")),
        (["nan", "NA"], ("NA", "nan")),
    ],
)
def test_classes_are_sorted_by_value_or_as_text(
    tmp_path: Path, labels: list[str], classes: tuple[str, ...]
) -> None:
    table = read(tmp_path, "x,label\n" + "".join(f"0,{label}\n" for label in labels))
    assert table.classes == classes
    assert [table.classes[i] for i in table.labels] == labels


def test_dtype_is_the_inputs(tmp_path: Path) -> None:
    text = "t,label\n1700000001.25,u\n0.1,v\n"
    assert read(tmp_path, text, dtype=np.float64).inputs.tolist() == [[1700000001.25], [0.1]]
    assert read(tmp_path, text).inputs[1, 0] == np.float32(0.1)
    with pytest.raises(DataError, match="int64"):
        read(tmp_path, text, dtype=np.int64)


@pytest.mark.parametrize(
    "cell",
    [
        "nan", "NaN", "-nan", "inf", "-Infinity", "١٢", "1_000", "0x10", "1e", "e5", ".", "-",
        "+-1", "1 2", "1,5", "NA", "?", "１", "1\u2212", "1j", "True", "1.0.0", "1e5.0", "=1",
        "0b1", "1\n2", "two", "५", "1d3", "1f", "- 1",
    ],
)  # fmt: skip
def test_what_is_no_number_is_named(tmp_path: Path, cell: str) -> None:
    message = failure(tmp_path, f'a,b,label\n1,2,u\n3,"{cell}",v\n')
    assert "line 3 (data row 2), column 'b'" in message
    assert repr(cell) in message


@pytest.mark.parametrize("cell", ["1e39", "-1e39", "1e999", "9" * 400, "3.5e38"])
def test_numbers_beyond_the_dtype_are_named(tmp_path: Path, cell: str) -> None:
    message = failure(tmp_path, f"a,b,label\n1,2,u\n3,{cell},v\n")
    assert "line 3 (data row 2), column 'b'" in message
    assert "too large for float32" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "a,b,label\n1,2,u\n3,v\n",
            "line 3 (data row 2), column 'label': no cell: the row has 2 cells, the header 3",
        ),
        ("a,b,label\n1,2,u\n\n3\n", "line 4 (data row 2), column 'b'"),
        ("a,b,label\n1,2,u\n3,4,v,5\n", "line 3 (data row 2), column 'label': one more cell, '5'"),
        ("a,b,label\n1,2,u\n3,4,v,\n", "line 3 (data row 2), column 'label': one more cell, ''"),
        ("a,b,label\n1,2,u\n3,,v\n", "line 3 (data row 2), column 'b': the value is missing"),
        ("a,b,label\n1,2,u\n \u00a0,4,v\n", "line 3 (data row 2), column 'a': the value is missing"),
        ("a,b,label\n1,2,u\n3,4,\n", "line 3 (data row 2), column 'label': the value is missing"),
        ('a,b,label\n1,2,"u\nv"\nx,4,v\n', "line 4 (data row 2), column 'a'"),
        ('a,b,label\n1,2,"u\nv\n3,4,v\n', "line 2: not CSV"),
        ('a,b,label\n1,2,"u"x\n3,4,v\n', "line 2: not CSV"),
        ("a,b,label\n1,2,u\n3,4," + "v" * 200_000, "line 3: not CSV: field larger"),
        ("a,a,label\n1,2,u\n", "line 1: columns 1 and 2 are both called 'a'"),
        ("label,a,label\n1,2,u\n", "columns 1 and 3 are both called 'label'"),
        ("a, ,label\n1,2,u\n", "line 1: column 2 of the header has no name"),
        ("\na,b,\n1,2,u\n", "line 2: column 3 of the header has no name"),
        ("a,b,c\n1,2,u\n", "no column 'label' for the labels; its columns are 'a', 'b', 'c'"),
        ("label\nu\nv\n", "only the column of labels"),
        ("a,label\n1,u\n2,u\n", "column 'label': every row has the same label, 'u'"),
        ("a,label\n1,u\n", "every row has the same label"),
        ("a,label\n0,1\n0,1.0\n", "line 3 (data row 2), column 'label': '1.0' and '1' are the same number"),
        ("a,label\n", "no rows"),
        ("a,label", "no rows"),
        ("", "is empty"),
        ("\n\r\n\r", "is empty"),
        ("\ufeff", "is empty"),
        ("a,label\n1,u\n2,v\0\n", "line 3: a NUL"),
        (b"a,label\n1,u\n2,\xff\n", "line 3: not UTF-8"),
        (GOOD.encode("utf-16"), "line 1: not UTF-8"),
        (GOOD.encode("utf-16-le"), "NUL"),
        (b"PK\x03\x04\x14\x00", "NUL"),
        ("a,label\n1,\ud800\n", "line 2: not UTF-8"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert says in failure(tmp_path, text)


def test_an_unreadable_path_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*missing\.csv.*No such file"):
        data.read_csv(tmp_path / "missing.csv")
    with pytest.raises(DataError, match="irectory"):
        data.read_csv(tmp_path)
    with pytest.raises(DataError, match="cannot read"):
        data.read_csv("nul\0.csv")
    with pytest.raises(DataError, match="cannot read"):
        data.read_csv("surrogate\ud900.csv")
    with pytest.raises(DataError, match="cannot read"):
        data.read_csv("x" * 5000)
    with pytest.raises(DataError, match="cannot read"):
        data.colours(tmp_path / "missing.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_forbidden_file_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(GOOD)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot read"):
        data.read_csv(path)


def test_long_numbers_take_no_time(tmp_path: Path) -> None:
    """A pattern that tries every way to cut the digits would be busy for hours."""
    assert "not a number" in failure(tmp_path, f"a,label\n{'1' * 130_000}x,u\n2,v\n")


NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)
    .map(str.strip)
    .filter(bool)
)


@given(
    st.lists(NAMES, min_size=2, max_size=4, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(
                st.tuples(*[NUMBERS] * (len(names) - 1), st.sampled_from(["u", "v,", ' "w" ', "日本"])),
                min_size=2,
            ),
        )
    )
)
def test_what_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[tuple[object, ...]]]
) -> None:
    names, rows = table
    path = tmp_path_factory.getbasetemp() / f"written{threading.get_ident()}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    labels = [str(row[-1]).strip() for row in rows]
    if len(set(labels)) == 1:
        with pytest.raises(DataError, match="same label"):
            data.read_csv(path, label=names[-1])
        return
    read_back = data.read_csv(path, label=names[-1])
    np.testing.assert_array_equal(read_back.inputs, np.array([row[:-1] for row in rows], np.float32))
    assert [read_back.classes[i] for i in read_back.labels] == labels
    assert read_back.features == tuple(names[:-1])


PIECES = st.sampled_from(
    [
        "a",
        "label",
        ",",
        ",",
        ",",
        "\n",
        "\n",
        "\r\n",
        "\r",
        '"',
        " ",
        "1",
        "2.5",
        "-",
        "e9",
        "nan",
        "inf",
        "٣",
        "_",
        "\0",
        "\ufeff",
    ]
)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(PIECES | st.text(max_size=2), max_size=60).map(
        lambda pieces: ("a,b,label\n" + "".join(pieces)).encode("utf-8", "surrogatepass")
    )
    | st.lists(st.tuples(PIECES, PIECES, PIECES).map(",".join), max_size=6).map(
        lambda rows: ("a,b,label\n" + "\n".join(rows)).encode()
    )
)
def test_any_bytes_are_data_or_a_data_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzzed{threading.get_ident()}.csv"
    path.write_bytes(content)
    try:
        table = data.read_csv(path, label="label")
    except DataError as error:
        table, message = None, str(error)
    if table is None:
        assert path.name in message
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        records = [
            [cell.strip() for cell in row] for row in csv.reader(file, skipinitialspace=True) if any(row)
        ]
    header, *rows = records
    at = header.index("label")
    assert len(table) == len(rows)
    for inputs, label, row in zip(table.inputs, table.labels, rows, strict=True):
        assert table.classes[label] == row.pop(at)
        assert all(cell.isascii() and "_" not in cell for cell in row)
        numbers = [float(cell) for cell in row]
        assert all(math.isfinite(number) for number in numbers)
        assert inputs.tolist() == np.array(numbers, np.float32).tolist()
