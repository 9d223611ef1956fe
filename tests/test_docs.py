"""Runs every Python block of README.md and docs/: what the reader is shown is what happens.

The blocks of one file share one namespace, in the order of the page. A block with `>>>` is a doctest,
any other is executed. A block is left out where the line before it is `<!-- not run: reason -->`.
"""

from __future__ import annotations

import doctest
import re
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
PYTHON = {"python", "python3", "py", "pycon"}
FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+|~~~+) *(?P<language>[^\s`]*)[^`]*")
NOT_RUN = re.compile(r"\s*<!-- not run: \S.* -->\s*")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    code: str
    line: int  # of the block's first line of code, from 1


def python_blocks(text: str) -> list[Block]:
    """The fenced Python blocks of a page that are to be run."""
    found, before, lines = [], "", enumerate(text.splitlines(), start=1)
    for number, line in lines:
        if opening := FENCE.fullmatch(line):
            body = []
            for _, inside in lines:
                if re.fullmatch(rf" *{opening['fence']}[`~]* *", inside):
                    break
                body.append(inside.removeprefix(opening["indent"]))
            else:
                raise ValueError(f"the block that opens in line {number} is never closed")
            if opening["language"].lower() in PYTHON and not NOT_RUN.fullmatch(before):
                found.append(Block("\n".join(body) + "\n", number + 1))
        if line.strip():
            before = line
    return found


def run(block: Block, page: str, namespace: dict[str, Any]) -> str:
    """Run one block in the page's namespace; what went wrong, with file and line, or nothing."""
    if ">>>" in block.code:
        test = doctest.DocTestParser().get_doctest(block.code, {}, page, page, block.line - 1)
        test.globs = namespace  # get_doctest copies what it is given
        said: list[str] = []
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False)
        return "".join(said)
    try:
        exec(compile("\n" * (block.line - 1) + block.code, page, "exec", dont_inherit=True), namespace)
    except Exception as error:
        here = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == page]
        line = here[-1] if here else getattr(error, "lineno", None) or block.line
        return f'File "{page}", line {line}\n{"".join(traceback.format_exception(error))}'
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_python_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in python_blocks(page.read_text(encoding="utf-8")):
        if wrong := run(block, str(page), namespace):
            pytest.fail(wrong, pytrace=False)


def test_readme_shows_code_that_runs() -> None:
    assert python_blocks((ROOT / "README.md").read_text(encoding="utf-8"))


PAGE = """\
# A page

```python
x = 2
```

- in a list
  ```python
  >>> x + 1
  3
  ```

<!-- not run: it is wrong on purpose -->

```python
x = nothing
```

```sh
python is not run here
```
"""


def test_blocks_are_found_with_their_lines() -> None:
    assert python_blocks(PAGE) == [Block("x = 2\n", 4), Block(">>> x + 1\n3\n", 9)]


@pytest.mark.thread_unsafe  # doctest swaps sys.stdout
def test_the_blocks_of_a_page_share_a_namespace() -> None:
    namespace: dict[str, Any] = {}
    assert [run(block, "page.md", namespace) for block in python_blocks(PAGE)] == ["", ""]


@pytest.mark.thread_unsafe
def test_failures_name_file_and_line() -> None:
    assert 'File "page.md", line 8' in run(Block("x = 1\nx / 0\n", 7), "page.md", {})
    assert 'File "page.md", line 7' in run(Block("x = = 1\n", 7), "page.md", {})
    assert 'File "page.md", line 8' in run(Block(">>> x = 1\n>>> x\n2\n", 7), "page.md", {})


def test_a_block_that_is_never_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1 is never closed"):
        python_blocks("```python\nx = 1\n")
