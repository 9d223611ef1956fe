"""What notebooks show, as one that is executed holds it: a picture and a text of each thing."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import tinygrad_sm as tg

ROOT = Path(__file__).parents[1]
CELLS = {
    "tensor": "z = tg.Tensor([[2.0, 1.0, 0.1]], True)\nloss = tg.softmax_cross_entropy(z, [0])\nloss",
    "leaf": "z",
    "network": "tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.ReLU(), tg.nn.Linear(4, 2))",
    "convolution": "tg.nn.Conv2d(1, 2, 3)",
    "program": "tg.graph(loss)",
    "comparison": "tg.compare(tg.composed_softmax_cross_entropy(z, np.eye(3)[:1]), loss)",
    "diagram": "tg.nn.Linear(3, 2).diagram()",
}
DRAWN = {"tensor", "network", "program", "comparison", "diagram"}


@pytest.mark.thread_unsafe
@pytest.mark.filterwarnings("default")  # of what executes the notebook
def test_a_notebook_shows_pictures_and_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    first = "import numpy as np, tinygrad_sm as tg"
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in (first, *CELLS.values())]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path))
    for name, cell in zip(CELLS, notebook.cells[1:], strict=True):
        [output] = cell.outputs
        assert output.output_type == "execute_result"
        assert output.data["text/plain"]
        assert ("image/svg+xml" in output.data) == (name in DRAWN)
        if name in DRAWN:
            shown = ["".join(e.itertext()) for e in ET.fromstring(output.data["image/svg+xml"]).iter()]
            assert {"comparison": "loss: 1 op, dout/dz", "tensor": "loss"}.get(name, "") in "".join(shown)
            assert name != "tensor" or "z" in shown  # as the notebook calls it


def test_a_graph_of_many_ops_is_not_drawn_unasked() -> None:
    t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(2001):
        t = t * 1.0
    assert t._repr_mimebundle_() == {"text/plain": repr(t)}


def test_what_is_shown_changes_nothing() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    loss = tg.sum(x * x)
    assert set(loss._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}
    assert x.grad is None
    assert np.array_equal(loss.data, 5.0)


def test_modules_show_a_diagram_where_there_is_one() -> None:
    assert "…" in tg.nn.Linear(40, 2)._repr_mimebundle_()["image/svg+xml"]
    for module in (tg.nn.Conv2d(1, 2, 3), tg.nn.ReLU()):
        assert module._repr_mimebundle_() == {"text/plain": repr(module)}
