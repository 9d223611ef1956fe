"""The colours: the parser of one, the table that ships with the package, the reader of a table like it."""

from __future__ import annotations

import colorsys
import csv
import importlib.resources
import re
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_sm import data
from tinygrad_sm.errors import DataError

CLASSES = ["black", "grey", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"]
COUNTS = {
    "green": 215, "blue": 135, "purple": 96, "brown": 95, "pink": 77, "red": 61,
    "yellow": 59, "orange": 41, "grey": 33, "white": 9, "black": 3,
}  # fmt: skip
HEX_DIGITS = "0123456789abcdefABCDEF"
HEADER = "name,hex,r,g,b,label\n"
GOOD = HEADER + "sea,#0011ff,0,17,255,blue\nleaf,#00ff00,0,255,0,green\n"


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_colour_is_read_back_in_each_spelling(colour: tuple[int, int, int]) -> None:
    text = "{:02x}{:02x}{:02x}".format(*colour)
    assert {data.parse_colour(s) for s in (text, "#" + text, text.upper(), "#" + text.upper())} == {colour}


@given(st.text(HEX_DIGITS, min_size=3, max_size=3))
def test_a_short_form_doubles_its_digits(text: str) -> None:
    assert data.parse_colour("#" + text) == data.parse_colour(text) == tuple(17 * int(c, 16) for c in text)


@pytest.mark.parametrize(
    "text",
    [
        "", "#", "#ggg", "00٣", "#00٣", "#ff88\n00", "#ff8800\n", "\n#ff8800", " #ff8800", "#ff8800 ",
        "#ff 88 00", "##ff8800", "#ff88", "#ff880", "#ff88001", "ff8800#", "ＦＦ８８００", "0xff88",
        "-ff880", "+f8", "f_8", "1_0", "ff8800\0", "green", "rgb(1,2,3)", "²³¹", "#ﬀ88", "a" * 10**6,
        "\ud800", None, 255, b"#ff8800", (1, 2, 3),
    ],
)  # fmt: skip
def test_what_is_no_colour_is_refused_and_shown(text: str) -> None:
    with pytest.raises(DataError) as caught:
        data.parse_colour(text)
    message = str(caught.value)
    assert repr(text)[:40].rstrip("'") in message
    assert "#rrggbb" in message
    assert "\n" not in message
    assert len(message) < 300


@given(st.text(st.characters(), max_size=9) | st.text(HEX_DIGITS + "#\n٣ ", max_size=8))
def test_any_text_is_a_colour_or_a_data_error(text: str) -> None:
    digits = text.removeprefix("#")
    if len(digits) in (3, 6) and all(c in HEX_DIGITS for c in digits):
        wide = digits if len(digits) == 6 else "".join(2 * c for c in digits)
        assert data.parse_colour(text) == tuple(int(wide[i : i + 2], 16) for i in (0, 2, 4))
    else:
        with pytest.raises(DataError):
            data.parse_colour(text)


def test_the_table_has_the_published_counts() -> None:
    table = data.colours()
    assert len(table) == 824
    assert table.classes == data.COLOUR_CLASSES == tuple(CLASSES)
    assert table.inputs.shape == (824, 3)
    assert table.features == ("red", "green", "blue")
    assert table.inputs.dtype == np.float32
    assert table.labels.dtype == np.int64
    assert Counter(table.classes[i] for i in table.labels) == COUNTS
    assert len(set(table.names)) == 824


def test_the_table_says_what_its_file_says() -> None:
    table = data.colours()
    text = importlib.resources.files("tinygrad_sm.data").joinpath("colours.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["name"] for row in rows] == list(table.names)
    assert [row["label"] for row in rows] == [table.classes[i] for i in table.labels]
    for row, colour in zip(rows, table.inputs, strict=True):
        assert tuple(np.rint(255 * colour)) == (int(row["r"]), int(row["g"]), int(row["b"]))
        assert colour.tolist() == [np.float32(int(row[c]) / 255) for c in "rgb"]
        assert tuple(bytes.fromhex(row["hex"][1:])) == (int(row["r"]), int(row["g"]), int(row["b"]))


def test_labels_come_from_names() -> None:
    table = data.colours()
    last = [re.split("[ /]", name)[-1] for name in table.names]
    told = [(word, table.classes[i]) for word, i in zip(last, table.labels, strict=True) if word in CLASSES]
    assert len(told) == 551
    assert all(word == label for word, label in told)


def test_greens_are_green() -> None:
    table = data.colours()
    hues = [
        colorsys.rgb_to_hsv(*rgb)[0] for rgb in table.inputs[table.labels == CLASSES.index("green")].tolist()
    ]
    assert 0.15 < np.median(hues) < 0.45


def test_the_provenance_ships_beside_the_table() -> None:
    text = importlib.resources.files("tinygrad_sm.data").joinpath("colours.md").read_text(encoding="utf-8")
    assert "CC0" in text
    counts = next(line for line in text.splitlines() if line.startswith("| 215"))
    assert re.findall(r"\d+", counts) == [str(count) for count in COUNTS.values()]


def test_a_table_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(GOOD, encoding="utf-8")
    table = data.colours(path)
    assert table.names == ("sea", "leaf")
    assert table.classes == tuple(CLASSES)
    assert [table.classes[i] for i in table.labels] == ["blue", "green"]
    np.testing.assert_array_equal(
        table.inputs, np.array([[0, 17, 255], [0, 255, 0]], np.float32) / np.float32(255)
    )


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ("x,#000000,nan,0,0,black", "r", "'nan'"),
        ("x,#000000,0,NaN,0,black", "g", "'NaN'"),
        ("x,#000000,0,,0,black", "g", "missing"),
        ("x,#000000,0,0, ,black", "b", "missing"),
        (",#000000,0,0,0,black", "name", "missing"),
        ("x,#000000,0,0,256,black", "b", "'256'"),
        ("x,#000000,-1,0,0,black", "r", "'-1'"),
        ("x,#000000,0.0,0,0,black", "r", "'0.0'"),
        ("x,#000000,٠,0,0,black", "r", "'٠'"),
        ("x,#000000,1e1,0,0,black", "r", "'1e1'"),
        ("x,#000000,0,0,1,black", "b", "disagrees"),
        ("x,#000100,0,0,0,black", "g", "disagrees"),
        ("x,#ggg,0,0,0,black", "hex", "'#ggg'"),
        ('x,"#0000\n00",0,0,0,black', "hex", r"'#0000\n00'"),
        ("x,#000000,0,0,0,teal", "label", "'teal'"),
        ("x,#000000,0,0,0,Black", "label", "'Black'"),
        ("x,#000000,0,0,0", "label", "5 cells"),
        ("x,#000000,0,0,0,black,7", "label", "'7'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, column: str, says: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"{GOOD}{row}\ny,#000,0,0,0,black\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        data.colours(path)
    message = str(caught.value)
    assert f"line 4 (data row 3), column '{column}'" in message
    assert says in message
    assert "own.csv" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "header", ["hex,name,r,g,b,label", "name,hex,r,g,b", "name,hex,r,g,b,label,more", "x"]
)
def test_other_columns_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"{header}\n" + ",".join("1" * (header.count(",") + 1)) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="name,hex,r,g,b,label"):
        data.colours(path)


CELL = st.sampled_from(
    ["x", "#000", "#0000ff", "0", "255", "00", "256", "nan", "", "black", "blue", '"', "\r", "٠"]
)


@pytest.mark.parallel_threads_limit(2)  # it is long
@given(
    st.binary()
    | st.lists(st.lists(CELL | st.text(max_size=4), min_size=5, max_size=7).map(",".join)).map(
        lambda rows: (HEADER + "\n".join(rows)).encode("utf-8", "surrogatepass")
    )
)
def test_any_bytes_are_a_table_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzzed_colours{threading.get_ident()}.csv"
    path.write_bytes(content)
    try:
        table = data.colours(path)
    except DataError as error:
        table, message = None, str(error)
    if table is None:
        assert path.name in message
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        expected = [
            [cell.strip() for cell in row] for row in csv.reader(file, skipinitialspace=True) if any(row)
        ]
    assert len(table) == len(expected) - 1
    for colour, label, name, row in zip(table.inputs, table.labels, table.names, expected[1:], strict=True):
        assert [name, table.classes[label]] == [row[0], row[5]]
        assert np.rint(255 * colour).tolist() == [int(cell) for cell in row[2:5]]
