"""The list of everything that the project installs, with its licence: `python -m tests.licences` writes it anew."""

from __future__ import annotations

import re
from importlib import metadata
from typing import NamedTuple

from lakehouse.settings import ROOT

LOCK = ROOT / "requirements.lock"
PAGE = ROOT / "docs" / "dependencies.md"
PINNED = re.compile(r"([A-Za-z0-9._-]+)==([^ ;]+)")
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Artistic License": "Artistic-1.0-Perl",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
}
"""Names in older metadata, which has no expression; the line of BSD's there does not say which."""
GENERAL = {"GNU General Public License (GPL)", "OSI Approved"}
"""Names that say less than those beside them."""
BY_HAND = {
    "databricks-bundles": "LicenseRef-Databricks",
    "huey": "MIT",
    "pywin32": "PSF-2.0",
    "skops": "MIT",
    "tzdata": "Apache-2.0",
    "waitress": "ZPL-2.1",
}
"""Of packages that are for other platforms, or whose metadata holds none: as their repositories say."""
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "LLVM-exception"),
    *("MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "ZPL-2.1", "Zlib", "any-OSI"),
}
"""Licences under which a package may be installed and used by whoever uses the project, whatever they do with it."""
HEAD = """# Dependencies and their licences

Everything that `requirements.lock` installs on any platform, with the licence that the package itself states.
`python -m tests.licences` writes this page anew after the lock has changed; a test compares the two. Nothing of these
packages is copied into the repository; the pages hold a bundle of Vega, whose licence stands in its first line.

{special}

| package | version | licence |
|---|---|---|
"""
SPECIAL = {
    "databricks-bundles": "checks the Databricks job in the tests, under Databricks' own licence; nothing that runs "
    "needs it",
    "text-unidecode": "may be used under the Artistic License instead of the GPL",
}
"""Packages under another licence than those that are allowed, and why they are here."""


class Package(NamedTuple):
    """A package, the versions that the lock pins for this and other Pythons, and its licence."""

    name: str
    versions: tuple[str, ...]
    licence: str


def packages(lock: str) -> list[Package]:
    """What a lock pins, by name.

    Raises:
        LookupError: the licence of a package is not known.
    """
    versions: dict[str, list[str]] = {}
    for name, version in PINNED.findall(lock):
        versions.setdefault(name, []).append(version)
    return [Package(name, tuple(found), licence(name)) for name, found in sorted(versions.items())]


def licence(name: str) -> str:
    """The licence that a package states, as an SPDX expression where it can be one.

    Raises:
        LookupError: it states none, and neither do we.
    """
    if name in BY_HAND:
        return BY_HAND[name]
    stated = metadata.metadata(name)
    if expressions := stated.get_all("License-Expression"):
        return str(expressions[0])
    lines = [line.split(" :: ")[-1] for line in stated.get_all("Classifier") or [] if line.startswith("License ::")]
    if exact := [line for line in lines if line not in GENERAL]:
        return " OR ".join(SPDX.get(line, line) for line in exact)
    text = "".join(stated.get_all("License") or []).strip().splitlines()
    if not text:
        raise LookupError(f"{name} states no licence: look it up and add it to tests/licences.py")
    return SPDX.get(text[0], text[0])


def unusual(package: Package) -> bool:
    """Whether a package has a licence beside those that are allowed."""
    words = set(re.findall(r"[\w.-]+", package.licence)) - {"AND", "OR", "WITH"}
    return not words <= ALLOWED


def page(found: list[Package]) -> str:
    """The page, in Markdown."""
    special = [
        f"- `{package.name}` ({package.licence}) {SPECIAL[package.name]}." for package in found if unusual(package)
    ]
    rows = [f"| {package.name} | {', '.join(package.versions)} | {package.licence} |" for package in found]
    return HEAD.format(special="\n".join(["Under a licence of its own:", "", *special])) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(packages(LOCK.read_text())), encoding="utf-8")
