"""What the documents point at is there, and the README's table of marts is that of the project."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from lakehouse.settings import DBT_PROJECT, ROOT

LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)")
FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2", flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+ +(.*?)#* *$", flags=re.MULTILINE)
PATH = re.compile(
    r"(?<![\w./<-])(?:benchmarks|bi|data_generation|dbt_adapter|dbt_project|deploy|docs|expectations|lakehouse|ml|profiles"
    r"|python_models|tests)/[\w./-]*\w(?![\w/<>*…{.-]*[<>*…{])"
)
COMMAND = re.compile(r"(?<!from )(?<![\w./-])(make|lakehouse) ([a-z][a-z-]*)(?![\w/=.])")
MADE = ("dbt_project/target", "dbt_project/logs")
"""Paths that the program makes."""
MADE_OR_INSTALLED = {".venv", "node_modules", "target", "logs", "site", "warehouse", "warehouse_olist", "data"}


def documents(root: Path) -> list[Path]:
    """All Markdown files of a checkout but those that tools brought or the program made."""
    found = (path.relative_to(root) for path in root.rglob("*.md"))
    return sorted(
        root / path
        for path in found
        if not any(part.startswith(".") or part in MADE_OR_INSTALLED for part in path.parts[:-1])
    )


def broken_links(document: Path) -> list[str]:
    """The links of a Markdown file that lead to no file, or to no heading of it; those to other hosts apart."""
    prose = CODE.sub("code", FENCE.sub("", document.read_text(encoding="utf-8")))
    return [
        target
        for target in (match["target"] for match in LINK.finditer(prose))
        if not re.match(r"[a-z]+:", target) and not leads_somewhere(document, target)
    ]


def leads_somewhere(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    there = document.parent / path if path else document
    if not there.exists():
        return False
    return not anchor or (there.suffix == ".md" and anchor in anchors(there))


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a file: a second one of the same words gets a number."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        words = LINK.sub(lambda match: match[0].split("](")[0].lstrip("!["), heading)
        kept = "".join(letter for letter in words.lower() if letter in "- " or is_of_a_word(letter))
        plain = kept.replace(" ", "-")
        numbered = (plain if number == 0 else f"{plain}-{number}" for number in range(len(found) + 1))
        found.add(next(anchor for anchor in numbered if anchor not in found))
    return found


def is_of_a_word(letter: str) -> bool:
    """As GitHub has it: letters, marks, digits and the underscore, and no raised two."""
    return unicodedata.category(letter)[0] in "LM" or unicodedata.category(letter) in ("Nd", "Pc")


def unknown(text: str) -> set[str]:
    """What stands in code and is not there: paths of the repository, make targets, commands of ``lakehouse``."""
    code = "\n".join([*(match[0] for match in FENCE.finditer(text)), *CODE.findall(FENCE.sub("", text))])
    paths = {path for path in PATH.findall(code) if not path.startswith(MADE) and not (ROOT / path).exists()}
    commands = {
        "make": set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)),
        "lakehouse": set(
            re.findall(r"^@app\.command\(\)\ndef (\w+)", (ROOT / "lakehouse" / "cli.py").read_text(), re.M)
        ),
    }
    return paths | {f"{tool} {word}" for tool, word in COMMAND.findall(code) if word not in commands[tool]}


@pytest.mark.parametrize("document", documents(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_and_command_is_there(document: Path) -> None:
    if document.name == "bad_input.md":
        pytest.skip("its commands are wrong on purpose; tests/properties compares what is said of them")
    assert unknown(document.read_text(encoding="utf-8")) == set()


def test_a_path_or_command_that_is_gone_is_found() -> None:
    there = (
        "`make demo OLIST=x`, `lakehouse run --path x`, `tests/ml/mean_model.py`, `tests/<kind>/x.py`, `ml/<name>/`"
    )
    fenced = "```\nmake test\nfrom lakehouse import catalog  # dbt_project/target/x\n```\n"
    assert unknown(f"{there} make believe\n{fenced}") == set()
    gone = "`make tea`, `lakehouse fly --path x`, `tests/ml/no_model.py`\n```\nmake coffee\n```\n"
    assert unknown(gone) == {"make tea", "lakehouse fly", "tests/ml/no_model.py", "make coffee"}


@pytest.mark.parametrize("document", documents(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_there_are_documents_to_look_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in documents(ROOT)}
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/runbook.md", "docs/decisions.md"} <= names


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("[a](there.md)", False),
        ("[a](folder)", False),
        ("[a](there.md#two-words-and-code)", False),
        ("[a](there.md#twice)", False),
        ("[a](there.md#twice-1)", False),
        ("[a](there.md#r-of-036)", False),
        ("[a](#here)", False),
        ("[![picture](there.png)](there.md)", False),
        ("[a](https://example.org/gone)", False),
        ("```\n[a](gone.md)\n```", False),
        ("[a](gone.md)", True),
        ("![a](gone.png)", True),
        ("[a [b]](gone.md)", True),
        ("[![picture](there.png)](gone.md)", True),
        ("[a](there.md#gone)", True),
        ("[a](there.md#r²-of-036)", True),
        ("[a](there.md#twice-2)", True),
        ("[a](there.md#not-a-heading)", True),
        ("[a](#gone)", True),
        ("[a](folder#gone)", True),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, link: str, is_broken: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there.png").touch()
    (tmp_path / "there.md").write_text(
        "# Two words, and `code`\n\n## R² of 0.36\n\n## Twice\n\n## [Twice](x.md)\n\n```\n# not a heading\n```\n"
    )
    document = tmp_path / "document.md"
    document.write_text(f"# Here\n\n{link}\n")
    assert bool(broken_links(document)) == is_broken


def test_the_readme_names_every_gold_table_with_its_grain_and_two_questions() -> None:
    rows = marts_of_the_readme((ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(rows) == sorted(gold_tables())
    assert {name for name, (grain, asked) in rows.items() if not grain or asked.count("?") < 2} == set()


def test_a_table_that_is_missing_from_the_readme_is_found() -> None:
    line = "| [`gold.a`](dbt_project/models/gold/a.yml) | person | Who? Why? |\n"
    more = "| [`b`](dbt_project/models/marts/b.yml) | week | How much? |\n| [`c`](elsewhere/c.yml) | day | ? |\n"
    assert marts_of_the_readme(line + more) == {"a": ("person", "Who? Why?"), "b": ("week", "How much?")}


def marts_of_the_readme(text: str) -> dict[str, tuple[str, str]]:
    """Grain and questions by table, of the lines of tables that begin with a link to a Gold model."""
    link = r"\[`(?:gold\.)?(\w+)`\]\(dbt_project/models/(?:gold|marts)/\1\.yml\)"
    line = re.compile(rf"^\| {link} \| (.*?) \| (.*?) \|$", flags=re.MULTILINE)
    return {name: (grain, asked) for name, grain, asked in line.findall(text)}


def gold_tables() -> list[str]:
    """The SQL models of Gold and the marts."""
    return [path.stem for folder in ("gold", "marts") for path in (DBT_PROJECT / "models" / folder).glob("*.sql")]
