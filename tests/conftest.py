"""What holds for every test: benchmarks are scripts, not tests, and in CI Hypothesis repeats its examples."""

import os

from hypothesis import settings

collect_ignore_glob = ["bench/bench_*.py"]

settings.register_profile("tinygrad_sm", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tinygrad_sm")
