"""Random numbers that belong to a key, not to a place in a sequence.

Whatever is drawn for an order, a person or a session is a pure function of the seed, the purpose and the key. So the
size of a block, the number of workers and everything that happens to other orders cannot change it; a generator that
hands out one number after the other could promise none of that.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.special import ndtri
from scipy.stats import poisson

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[Any]
"""Whole numbers of any width."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TO_UNIT = 2.0**-53
HEX_PAIRS = np.array([f"{byte:02x}" for byte in range(256)], dtype="S2").view(np.uint16)


class Draws:
    """Keyed random numbers of one seed.

    Args:
        seed: any whole number; another one gives another, unrelated world.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def words(self, purpose: str, keys: Keys) -> Keys:
        """64 random bits a key: SplitMix64's finalizer (Steele, Lea and Flood, 2014) over key and purpose."""
        digest = hashlib.blake2b(f"{self.seed}/{purpose}".encode(), digest_size=8).digest()
        return _mix(_mix(keys) + np.uint64(int.from_bytes(digest, "little")))

    def uniform(self, purpose: str, keys: Keys) -> Floats:
        """A number in [0, 1) a key."""
        return (self.words(purpose, keys) >> np.uint64(11)).astype(np.float64) * TO_UNIT

    def normal(self, purpose: str, keys: Keys) -> Floats:
        """A standard normal number a key."""
        return ndtri(self.uniform(purpose, keys) + TO_UNIT / 2)

    def happens(self, purpose: str, keys: Keys, probability: float | Floats) -> npt.NDArray[np.bool_]:
        """Whether something of this probability happens, a key."""
        return self.uniform(purpose, keys) < probability

    def choice(self, purpose: str, keys: Keys, weights: npt.ArrayLike) -> Ints:
        """The position of one of the weights, drawn in proportion to them, a key."""
        return pick(self.uniform(purpose, keys), weights)

    def integers(self, purpose: str, keys: Keys, low: int, high: int) -> Ints:
        """A whole number in [low, high) a key."""
        return low + (self.uniform(purpose, keys) * (high - low)).astype(np.int64)

    def poisson(self, purpose: str, keys: Keys, mean: float) -> Ints:
        """A Poisson number of this mean (small: up to about 50) a key."""
        reached = poisson.cdf(np.arange(int(mean + 10 * mean**0.5) + 20), mean)
        return np.searchsorted(reached, self.uniform(purpose, keys), side="right")

    def ids(self, purpose: str, keys: Keys, length: int = 32) -> pa.StringArray:
        """A hexadecimal id a key.

        Args:
            purpose: what the ids are for; the same key has another id for another purpose.
            keys: shape (n,).
            length: 16 or 32 digits.
        """
        words = [self.words(f"{purpose}/{part}", keys) for part in range(length // 16)]
        return hex_texts(np.column_stack(words))


def pick(uniform: Floats, weights: npt.ArrayLike) -> Ints:
    """Positions of weights at the given quantiles, which are in [0, 1)."""
    reached = np.cumsum(weights, dtype=np.float64)
    return np.searchsorted(reached, uniform * reached[-1], side="right").clip(max=len(reached) - 1)


def numbered(start: int, stop: int) -> Keys:
    """The keys of things that are numbered."""
    return np.arange(start, stop, dtype=np.uint64)


def keys_of(texts: pa.Array | pa.ChunkedArray) -> Keys:
    """The keys of things that have an id: a 64-bit hash of it, the same on every machine."""
    return pd.util.hash_array(np.asarray(texts, dtype=object), categorize=False)


def child_keys(keys: Keys, number: int | npt.NDArray[np.integer]) -> Keys:
    """The keys of the numbered children of things, say the sessions of an order."""
    return _mix(keys + (np.atleast_1d(number).astype(np.uint64) + np.uint64(1)) * GOLDEN)


def hex_texts(words: Keys) -> pa.StringArray:
    """Shape (n, parts) of 64-bit words as n texts of 16 hexadecimal digits a part."""
    width = 16 * words.shape[1]
    digits = HEX_PAIRS[words.astype(">u8").view(np.uint8).ravel()]
    return fixed_width_texts(digits.view(np.uint8), width)


def fixed_width_texts(characters: npt.NDArray[np.uint8], width: int) -> pa.StringArray:
    """ASCII bytes, each ``width`` of them one text, as an Arrow array; nothing is copied."""
    count = len(characters) // width
    offsets = np.arange(count + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(characters)))


def _mix(words: Keys) -> Keys:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
