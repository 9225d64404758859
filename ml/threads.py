"""How many threads the numerical libraries use: the one place, because the last digits of a sum depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

THREADS = 2
"""For loops over rows (OpenMP): XGBoost, implicit. The same on every machine, however many processors it has."""
BLAS_THREADS = 1
"""For linear algebra: within those loops more threads would only be in each other's way."""
_VARIABLES = {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": BLAS_THREADS, "MKL_NUM_THREADS": BLAS_THREADS}


@contextmanager
def fixed() -> Iterator[None]:
    """Fix the numbers of threads inside the block, for libraries that are loaded and for those that will be."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update({name: str(number) for name, number in _VARIABLES.items()})
    try:
        with threadpool_limits(THREADS, "openmp"), threadpool_limits(BLAS_THREADS, "blas"):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
