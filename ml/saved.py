"""What is saved of a candidate: its files without pickles, its metrics under plain names, and a digest of it all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ml.candidate import Candidate

_PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def flat_metrics(candidate: Candidate) -> dict[str, float]:
    """Those of the candidate by their name, those of a baseline as ``baseline/metric``."""
    flat = {name: float(value) for name, value in candidate.metrics.items()}
    for baseline, metrics in candidate.baselines.items():
        flat |= {f"{baseline}/{name}": float(value) for name, value in metrics.items()}
    return flat


def digest(saved: Path, candidate: Candidate) -> str:
    """Of all that is known of a candidate: equal for two that are the same to the digit."""
    digest = hashlib.sha256()
    for file in sorted(path for path in saved.rglob("*") if path.is_file()):
        digest.update(
            f"{file.relative_to(saved).as_posix()}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode()
        )
    told: dict[str, Any] = {
        "params": {name: str(value) for name, value in candidate.params.items()},
        "metrics": flat_metrics(candidate),
        "decision": candidate.decision.as_dict(),
        "card": candidate.card,
    }
    digest.update(json.dumps(told, sort_keys=True).encode())
    return digest.hexdigest()


def refuse_pickles(saved: Path) -> None:
    """Raises ValueError if a saved file is a pickle."""
    for file in saved.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                if stream.read(2) in _PICKLE:
                    raise ValueError(f"{file.name} is a pickle: loading it would run whatever it holds")
