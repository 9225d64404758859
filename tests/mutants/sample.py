"""Which mutants are tried, and in which order: the same for the same seed, models and faults."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from tests.mutants.fault import Mutant


def ordered(mutants: Iterable[Mutant], seed: int) -> Iterator[Mutant]:
    """All mutants, each once, so that any first so many represent models and operators.

    A model, or an operator, gets its turn the later the more often it had one, in proportion to the square root of
    how many mutants it has: the large have more than the small, and the small are not left out. Draws belong to
    mutants, so that one more model or fault leaves the order of the others nearly as it was.

    Args:
        mutants: in any order.
        seed: another one gives another order.
    """
    cells: dict[tuple[str, str], list[tuple[str, Mutant]]] = defaultdict(list)
    for mutant in mutants:
        draw = hashlib.sha256(f"{seed}/{mutant.id}".encode()).hexdigest()
        cells[mutant.model, mutant.fault.operator].append((draw, mutant))
    sizes: Counter[str] = Counter()
    for (model, operator), cell in cells.items():
        heapq.heapify(cell)
        sizes[f"model {model}"] += len(cell)
        sizes[f"operator {operator}"] += len(cell)
    weight = {name: 1 / math.sqrt(size) for name, size in sizes.items()}
    taken: Counter[str] = Counter()

    def turn(key: tuple[str, str]) -> tuple[float, str]:
        of_model, of_operator = f"model {key[0]}", f"operator {key[1]}"
        load = (taken[of_model] + 1) * weight[of_model] + (taken[of_operator] + 1) * weight[of_operator]
        return load, cells[key][0][0]

    while cells:
        key = min(cells, key=turn)
        _, mutant = heapq.heappop(cells[key])
        if not cells[key]:
            del cells[key]
        taken[f"model {key[0]}"] += 1
        taken[f"operator {key[1]}"] += 1
        yield mutant
