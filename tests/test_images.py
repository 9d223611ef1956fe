"""Graphs as PNG and PDF: the colours arrive, and where the converter is missing the error says what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import MissingError, UnsupportedError
from tinygrad_sm.program import Program
from tinygrad_sm.show.saving import MOST_PIXELS


def program() -> Program:
    z = tg.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    return tg.graph(tg.softmax_cross_entropy(z, np.array([0])), gradients=True)


@pytest.fixture
def cairo() -> None:
    try:
        import cairosvg  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: without the library Cairo itself
        pytest.skip(f"needs CairoSVG: {error}")


@pytest.fixture
def image() -> Any:
    return pytest.importorskip("matplotlib.image")


@pytest.mark.usefixtures("cairo")
@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_png_has_the_colors_of_the_style_sheet(tmp_path: Path, image: Any) -> None:
    pixels = image.imread(program().save(tmp_path / "graph.png"))
    packed = np.unique(np.round(255 * pixels[..., :3]).astype(int) @ (1 << 16, 1 << 8, 1))
    found = {(color >> 16, color >> 8 & 255, color & 255) for color in packed.tolist()}
    assert {
        (227, 240, 250),
        (253, 234, 219),
        (94, 60, 153),
    } <= found  # a parameter, an output, a number below 0
    assert tuple(np.round(255 * pixels[0, 0, :3]).astype(int)) == (255, 255, 255)


@pytest.mark.usefixtures("cairo")
def test_a_pdf_is_one(tmp_path: Path) -> None:
    assert program().save(tmp_path / "graph.PDF").read_bytes().startswith(b"%PDF-")
    z = tg.Tensor([[2.0, 1.0]], requires_grad=True)
    both = tg.compare(tg.sum(z * 2), tg.sum(z) * 2)
    assert both.save(tmp_path / "both.pdf").read_bytes().startswith(b"%PDF-")
    with pytest.raises(UnsupportedError, match=r"both\.gif"):
        both.save(tmp_path / "both.gif")


@pytest.mark.usefixtures("cairo")
@pytest.mark.parallel_threads_limit(2)  # it is long
def test_long_pictures_are_saved_smaller(tmp_path: Path, image: Any) -> None:
    t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(150):
        t = tg.tanh(t)
    pixels = image.imread(tg.graph(t, names={}).save(tmp_path / "long.png"))
    assert MOST_PIXELS - 2 <= pixels.shape[1] <= MOST_PIXELS + 2


def test_a_missing_converter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(MissingError, match=r"pip install 'tinygrad_sm\[images\]'"):
        program().save(tmp_path / "graph.png")
    assert not (tmp_path / "graph.png").exists()
