"""What holds for every test: benchmarks are scripts, not tests, and in CI Hypothesis repeats its examples.

In threads each thread takes some of the examples.
"""

import os

import pytest
from hypothesis import settings

collect_ignore_glob = ["bench/bench_*.py"]

settings.register_profile("tinygrad_sm", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tinygrad_sm")
settings.register_profile("threads", settings.get_profile("tinygrad_sm"), max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    if str(config.getoption("parallel_threads", "1")) != "1":
        settings.load_profile("threads")


@pytest.fixture(scope="session", autouse=True)
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make the folder of all temporary files before threads ask for it: pytest makes it for the first that
    asks, and two that ask at once get in each other's way."""
    tmp_path_factory.getbasetemp()
