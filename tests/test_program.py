"""Reading live graphs into programs: what they say, against what NumPy and backward() say."""

from __future__ import annotations

import gc
import io
import weakref

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import GradientError, UnsupportedError
from tinygrad_sm.program import graph


def softmax_cross_entropy() -> tuple[tg.Tensor, dict[str, tg.Tensor]]:
    """The composed route with a name for every tensor but one."""
    z = tg.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    y = np.array([[1.0, 0.0, 0.0]])
    with tg.scope("softmax"):
        e = tg.exp(z)
        s = tg.sum(e, axis=-1, keepdims=True)
        a = e / s
    l = tg.log(a)
    t = y * l
    loss = -tg.sum(t)
    named = {"e": e, "s": s, "a": a, "l": l, "t": t, "C": loss}
    for name, tensor in named.items():
        tensor.name = name
    return loss, named


def test_equations_stand_in_forward_order() -> None:
    loss, _ = softmax_cross_entropy()
    program = graph(loss)
    assert [str(equation) for equation in program] == [
        "e = exp(z)",
        "s = sum(e, axis=-1, keepdims=True)",
        "a = divide(e, s)",
        "l = log(a)",
        "t = multiply(c1, l)",
        "v1 = sum(t)",
        "C = negative(v1)",
    ]
    known = set(program.inputs)
    for equation in program:
        assert set(equation.inputs) <= known
        known.add(equation.output)
    assert [equation.scope for equation in program] == [("softmax",)] * 3 + [()] * 4
    assert [v.kind for v in program.variables.values()].count("output") == 1
    assert repr(program) == "<Program of C: 7 equations, 1 parameter, 1 constant>"


def test_a_program_is_a_sequence_of_equations() -> None:
    loss, named = softmax_cross_entropy()
    program = graph(loss)
    assert len(program) == len(list(program)) == 7
    assert program[0].name == "e"
    assert program[-1].output is program.outputs[0]
    assert [equation.name for equation in program[1:3]] == ["s", "a"]
    assert program["a"].value is named["a"].data
    assert repr(program["z"]) == "<parameter z: float64 (1, 3)>"
    assert repr(program[0]) == "<e = exp(z): float64 (1, 3)>"
    with pytest.raises(KeyError):
        program["nothing"]


def test_gradients_are_those_of_the_mathematics() -> None:
    loss, _ = softmax_cross_entropy()
    loss.backward()
    program = graph(loss)
    z, y = np.array([[2.0, 1.0, 0.1]]), np.array([[1.0, 0.0, 0.0]])
    e = np.exp(z)
    a = e / e.sum()
    expected = {
        "C": 1.0, "v1": -1.0, "t": -np.ones((1, 3)), "l": -y, "a": -y / a,
        "s": [[(y / a * e / e.sum() ** 2).sum()]], "e": (a - y) / e, "z": a - y,
    }  # fmt: skip
    for name, gradient in expected.items():
        np.testing.assert_allclose(program[name].gradient, gradient, rtol=1e-13, atol=1e-16, err_msg=name)
    assert program["c1"].gradient is None


def test_gradients_are_not_shown_before_there_are_any() -> None:
    loss, _ = softmax_cross_entropy()
    assert all(v.gradient is None for v in graph(loss).variables.values())
    forced = graph(loss, gradients=True)
    assert all(v.gradient is not None for v in forced.variables.values() if v.kind != "constant")
    assert graph(loss)["z"].gradient is None  # forcing them leaves .grad alone
    loss.backward()
    assert np.array_equal(graph(loss)["z"].gradient, forced["z"].gradient)
    assert all(v.gradient is None for v in graph(loss, gradients=False).variables.values())


def test_a_leaf_shows_its_grad_as_it_stands() -> None:
    x = tg.Tensor(3.0, requires_grad=True)
    y = x**3
    y.backward()
    y.backward()
    assert graph(y)["x"].gradient == 54
    assert graph(y, gradients=True)["x"].gradient == 27
    x.zero_grad()
    assert graph(y)["x"].gradient is None
    assert graph(y)["y"].gradient == 1  # what the latest pass started from


def test_gradients_have_their_leafs_dtype() -> None:
    x = tg.Tensor(np.ones(3), requires_grad=True, dtype=np.float32)
    loss = tg.sum(x * np.array([1.0, 2.0, 3.0]))
    assert graph(loss, gradients=True)["x"].gradient.dtype == np.float32


def test_the_gradients_are_those_of_the_pass_that_was_made() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.backward(np.array([1.0, 10.0]))
    program = graph(y)
    assert np.array_equal(program["x"].gradient, [2, 40])
    assert np.array_equal(program["y"].gradient, [1, 10])
    [edge] = program
    assert [part.tolist() for part in edge.contributions] == [[1, 20], [1, 20]]


def test_a_pass_from_elsewhere_fills_the_leaves_only() -> None:
    """.grad of the leaves says nothing about where a pass started."""
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    first, second = tg.sum(x * x), tg.sum(x * 5)
    second.backward()
    program = graph(first)
    assert np.array_equal(program["x"].gradient, [5, 5])
    assert program["first"].gradient is None
    assert graph((first, second))["second"].gradient == 1
    y = x * x
    with pytest.raises(GradientError, match=r"not one; reduce it first \(\.sum\(\)"):
        graph(y, gradients=True)


def test_after_an_update_only_the_leaves_are_known() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = tg.sum(x * x)
    y.backward()
    x.data = x.data - 0.1
    program = graph(y)
    assert np.array_equal(program["x"].gradient, [2, 4])
    assert program["y"].gradient is None
    with pytest.raises(GradientError):
        graph(y, gradients=True)


def test_several_outputs() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    shared = x * 3
    first, second = tg.sum(shared), tg.max(shared)
    program = graph((first, second), gradients=True)
    assert [v.name for v in program.outputs] == ["first", "second"]
    assert [equation.name for equation in program] == ["shared", "first", "second"]
    assert np.array_equal(program["x"].gradient, [3, 6])  # of the sum of both
    assert np.array_equal(program["shared"].gradient, [1, 2])


def test_a_leaf_and_a_constant_are_graphs() -> None:
    x = tg.Tensor(3.0, requires_grad=True, name="x")
    x.backward()
    program = graph(x)
    assert len(program) == 0
    assert program["x"].kind == "parameter"
    assert program["x"].gradient == 1
    assert program.inputs == program.outputs
    assert graph(tg.Tensor(2.0, name="two"))["two"].kind == "constant"
    assert "0 equations" in graph(x).text()


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="float; pass the loss itself"):
        graph((tg.Tensor(1.0), 2.0))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="not off none"):
        graph(())


def test_names_are_the_tensors_then_the_callers_then_automatic() -> None:
    weights = tg.Tensor([1.0, 2.0], requires_grad=True, name="W")
    inputs = np.array([3.0, 4.0])
    _hidden = inputs * weights
    loss = tg.sum(_hidden)
    assert [equation.name for equation in graph(loss)] == ["v1", "loss"]
    assert set(graph(loss).variables) == {"inputs", "W", "v1", "loss"}
    assert set(graph(loss, names={}).variables) == {"c1", "W", "v1", "out"}
    assert set(graph(loss, names={"h": _hidden, "W": inputs}).variables) == {"W_2", "W", "h", "out"}


def test_names_are_unique_and_never_clash() -> None:
    a = tg.Tensor(1.0, requires_grad=True, name="v1")
    b = tg.Tensor(2.0, requires_grad=True, name="v1")
    c = tg.Tensor(3.0, requires_grad=True, name="out")
    d = tg.Tensor(4.0, requires_grad=True, name="v1_2")
    e = tg.Tensor(5.0, requires_grad=True, name="")
    program = graph(a * b * c * d * e + e, names={})
    leaves = [v.name for v in program.inputs]
    assert leaves == ["v1", "v1_2", "out", "v1_2_2", "p1"]
    assert len(program.variables) == 5 + 5
    assert program.outputs[0].name == "out_2"


@pytest.mark.thread_unsafe(reason="the garbage collector is the process's")
def test_callers_names_keep_no_tensor_alive() -> None:
    def work() -> weakref.ref[tg.Tensor]:
        x = tg.Tensor(3.0, requires_grad=True)
        loss = x * x
        assert graph(loss).outputs[0].name == "loss"
        seen = weakref.ref(loss)
        del loss
        assert seen() is None
        return seen

    gc.disable()
    try:
        work()
    finally:
        gc.enable()


def test_an_array_is_one_variable_and_each_number_its_own() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y, constant = np.array([1.0, 1.0]), tg.Tensor([5.0, 5.0])
    program = graph(tg.sum((x * y + y) * 2.0 * constant / constant * 2.0), names={})
    assert [str(equation) for equation in program] == [
        "v1 = multiply(x, c1)",
        "v2 = add(v1, c1)",
        "v3 = multiply(v2, 2.0)",
        "v4 = multiply(v3, c3)",
        "v5 = divide(v4, c3)",
        "v6 = multiply(v5, 2.0)",
        "out = sum(v6)",
    ]
    assert program["c2"].literal == program["c4"].literal == "2.0"
    assert "1 parameter, 2 constants" in repr(program)


def test_contributions_add_up_to_the_gradients() -> None:
    loss, _ = softmax_cross_entropy()
    assert all(equation.contributions == () for equation in graph(loss))
    program = graph(loss, gradients=True)
    sums: dict[str, np.ndarray] = {}
    for equation in program:
        for x, part in zip(equation.inputs, equation.contributions, strict=True):
            assert (part is None) == (x.kind == "constant")
            if part is not None:
                sums[x.name] = sums[x.name] + part if x.name in sums else part
    assert sums.keys() == {v.name for v in program.variables.values() if v.kind not in ("constant", "output")}
    for name, total in sums.items():
        np.testing.assert_allclose(total, program[name].gradient, rtol=1e-14)
    x = tg.Tensor(3.0, requires_grad=True, name="x")
    assert [float(part) for part in graph(x / x, gradients=True)[0].contributions] == [1 / 3, -1 / 3]


def test_attributes_are_shown_as_they_are_written() -> None:
    x = tg.Tensor(np.arange(12.0).reshape(3, 4), requires_grad=True, name="x")
    picked = x[1:, ::2][np.array([0, 1]), ..., None]
    calls = [equation.call for equation in graph(picked, names={})]
    assert calls == ["getitem(x, key=(1:, ::2))", "getitem(v1, key=(<int64 (2,)>, ..., None))"]
    assert graph(tg.reshape(x, (12,)))[0].call == "reshape(x, shape=(12,))"


def test_a_condition_that_was_computed_is_part_of_the_graph() -> None:
    x = tg.Tensor([-1.0, 2.0], requires_grad=True, name="x")
    doubled = x * 2
    loss = tg.sum(np.where(doubled, x, 1.0))
    assert [equation.name for equation in graph(loss)] == ["doubled", "v1", "loss"]
    loss.backward()
    assert np.array_equal(graph(loss)["v1"].gradient, [1, 1])


def test_scopes_of_leaves_are_what_their_readers_share() -> None:
    w, shared = (tg.Tensor(2.0, requires_grad=True, name=name) for name in ("w", "shared"))
    with tg.scope("net"):
        with tg.scope("a"):
            u = w * shared
        with tg.scope("b"):
            v = u * shared
    program = graph(v + 1)
    assert program["w"].scope == ("net", "a")
    assert program["shared"].scope == ("net",)
    assert program["u"].scope == ("net", "a")
    assert "net/a" in program.text()


def test_the_table_says_everything() -> None:
    loss, _ = softmax_cross_entropy()
    assert "—" in str(graph(loss))
    assert " 0 " not in graph(loss).text().splitlines()[2]
    loss.backward()
    lines = str(graph(loss)).splitlines()
    assert lines[2].split() == ["name", "op", "shape", "dtype", "value", "gradient", "scope"]
    assert lines[3].split()[:2] == ["z", "parameter"]
    assert "[[-0.341 0.2424 0.09857]]" in lines[3]
    assert "sum(e, axis=-1, keepdims=True)" in lines[6]
    assert len({line.index("float64") for line in lines[3:]}) == 1


@pytest.mark.thread_unsafe
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_is_printed_has_the_signs_of_the_output(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="σ" + "x" * 40)
    loss = tg.sum(x * x)
    program, steps, both = graph(loss), tg.backward_steps(loss), tg.compare(loss, tg.sum(x**2))
    assert "—" in str(program)
    output = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr("sys.stdout", output)
    print(program, *steps, both, sep="\n", file=output)
    written = str(program)
    monkeypatch.undo()
    assert written.isascii()
    assert "—" in program.text()  # a file is UTF-8
    *_, first, second, third = written.splitlines()
    assert first.index("parameter") == second.index("multiply") == third.index("sum")
    assert len({line.rindex("--") for line in (first, second, third)}) == 1


def test_nan_and_infinity_are_shown() -> None:
    x = tg.Tensor([np.nan, np.inf, -np.inf, -0.0], requires_grad=True)
    large = tg.Tensor(np.array([np.nan] * 3 + [np.inf] + [1.7e308] * 20 + [-1e308]), requires_grad=True)
    text = graph((x * 1, large * 1)).text()
    assert "[nan inf -inf 0]" in text
    assert "max 1.7e+308, nan 3, inf 1" in text
    empty = graph(tg.Tensor(np.zeros((0, 3)), requires_grad=True) * 1).text()
    assert "entries none" in empty


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "a\tb", "\u202e", "x" * 500, "日本", "—"])
def test_a_name_stays_on_its_line(name: str) -> None:
    x = tg.Tensor([1.0], requires_grad=True, name=name)
    lines = graph(x * 2).text().splitlines()
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 250


def test_saving(tmp_path) -> None:  # type: ignore[no-untyped-def]
    loss, _ = softmax_cross_entropy()
    program = graph(loss)
    path = program.save(tmp_path / "graph.txt")
    assert path.read_text(encoding="utf-8") == f"{program}\n"
    assert program.save(str(tmp_path / "graph.DOT")).read_text(encoding="utf-8") == program.dot()
    with pytest.raises(UnsupportedError, match=r"graph\.docx.*\.txt, \.dot, \.tex, \.svg, \.png, \.pdf"):
        program.save(tmp_path / "graph.docx")


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_large_graph_is_read_without_recursion() -> None:
    """Of 30,000 nodes: if the time grew with their square, this would take many minutes."""
    x = t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(30_000):
        t = t * 1.0
    t.backward()
    program = graph(t, names={})
    assert len(program) == 30_000
    assert program["p1"].gradient == 1
    assert x.grad is not None


@pytest.mark.thread_unsafe(reason="the garbage collector is the process's")
def test_a_program_keeps_no_graph_alive() -> None:
    loss, _ = softmax_cross_entropy()
    program = graph(loss, gradients=True)
    seen = weakref.ref(loss)
    gc.disable()
    try:
        del loss, _
        assert seen() is None
    finally:
        gc.enable()
    assert program["z"].gradient is not None


def test_the_backward_pass_is_a_program_too() -> None:
    loss, _ = softmax_cross_entropy()
    program = graph(loss, backward=True)
    forward = [str(equation) for equation in graph(loss)]
    assert [str(equation) for equation in program][: len(forward)] == forward
    passed = program[len(forward) :]
    assert {equation.scope for equation in passed} == {("backward",)}
    assert {v.kind for equation in passed for v in (equation.output,)} == {"gradient"}
    assert [v.name for v in program.outputs] == ["C", "dz"]
    expected = graph(loss, gradients=True)
    for name in ("z", "e", "s", "a", "l", "t", "C"):
        np.testing.assert_array_equal(program[f"d{name}"].value, expected[name].gradient)
        np.testing.assert_array_equal(program[name].gradient, expected[name].gradient)
    assert "de = add(g1, g5)" in [str(equation) for equation in passed]
    again = program.replay({"z": np.array([[0.0, 1.0, 2.0]])})
    a = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    np.testing.assert_allclose(again["dz"], [a - [1, 0, 0]], rtol=1e-13)


def test_the_backward_pass_starts_as_the_latest_did() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.backward(np.array([1.0, 10.0]))
    assert np.array_equal(graph(y, backward=True)["dx"].value, [2, 40])
    assert np.array_equal(x.grad.data, [2, 40])


def test_the_backward_pass_of_several_outputs_is_refused() -> None:
    x = tg.Tensor(1.0, requires_grad=True)
    with pytest.raises(UnsupportedError, match="add them up"):
        graph((x * 1, x * 2), backward=True)
    with pytest.raises(GradientError):
        graph(tg.stack([x, x]), backward=True)


def test_a_leaf_and_a_sum_have_backward_passes() -> None:
    x = tg.Tensor(3.0, requires_grad=True)
    alone = graph(x, backward=True)
    assert [(v.name, v.value) for v in alone.outputs] == [("x", 3), ("dx", 1)]
    a, b = tg.Tensor(1.0, requires_grad=True), tg.Tensor(2.0, requires_grad=True)
    program = graph(a + b, backward=True)
    assert [v.name for v in program.outputs][1:] == ["da", "db"]
    assert program["da"].value == program["db"].value == 1


def test_what_is_no_tensor_has_no_graph() -> None:
    with pytest.raises(tg.errors.UnsupportedError, match="int"):
        tg.graph(3)  # type: ignore[arg-type]
