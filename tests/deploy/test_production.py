"""docs/production.md: its commands exist, its files are there, its sums are right."""

from __future__ import annotations

import re
import shlex
from decimal import ROUND_HALF_UP, Decimal
from math import prod

import pytest

from bi.power_bi.contracts import shared_tables
from lakehouse.settings import ROOT
from tests.deploy.bundle import merged, read
from tests.deploy.wheel import command_fault

PAGE = (ROOT / "docs" / "production.md").read_text()


def cost_faults(page: str) -> list[str]:
    """Lines of the table of costs whose product is not what it says, and a sum that is none."""
    lines = re.findall(r"^\| (.+?) \| ([^|]*) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    (said,) = re.findall(r"^\| \*\*sum\*\* \| \| \| \*\*([\d.]+)\*\* \|$", page, re.MULTILINE)
    found = []
    for what, amount, price, cost in lines:
        product = prod(map(Decimal, re.findall(r"(?<![\w.])\d+(?:\.\d+)?", amount)), start=Decimal(price))
        if product.quantize(Decimal("0.01"), ROUND_HALF_UP) != Decimal(cost):
            found.append(f"{what}: {amount} at {price} is {product}, not {cost}")
    if (total := sum(Decimal(cost) for *_, cost in lines)) != Decimal(said):
        found.append(f"the sum is {total}, not {said}")
    return found


def commands(page: str, program: str) -> list[list[str]]:
    """The commands of a program that the page shows."""
    return [shlex.split(line)[1:] for line in re.findall(rf"^ *({program} .*)$", page, re.MULTILINE)]


def test_the_sums_are_right() -> None:
    assert len(re.findall(r" × ", PAGE)) > 10
    assert cost_faults(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new"), [("63.00", "36.00"), ("131.94", "131.49"), ("0.75 hours × 4", "0.5 hours × 4")]
)
def test_a_wrong_sum_is_caught(old: str, new: str) -> None:
    assert cost_faults(PAGE.replace(old, new))


def test_every_command_of_ours_is_taken() -> None:
    shown = commands(PAGE, "lakehouse")
    assert shown
    assert [fault for words in shown if (fault := command_fault(words))] == []


def test_every_parameter_of_a_run_is_one_of_the_job() -> None:
    job = merged(read(), "prod")["resources"]["jobs"]["lakehouse"]
    known = {parameter["name"] for parameter in job["parameters"]}
    runs = [words for words in commands(PAGE, "databricks") if "--params" in words]
    assert len(runs) >= 3
    named = {pair.split("=")[0] for words in runs for pair in words[words.index("--params") + 1].split(",")}
    assert named <= known


def test_every_variable_that_must_be_given_is() -> None:
    bundle = merged(read(optional=()), "prod")
    needed = {name for name, variable in bundle["variables"].items() if not variable.get("default")}
    assert needed == set(re.findall(r"BUNDLE_VAR_(\w+)=", PAGE))


def test_what_power_bi_loads_and_dbt_does_not_grant_is_granted_here() -> None:
    granted = re.findall(r"^ *grant select on table shop\.(\S+) to `analysts`;$", PAGE, re.MULTILINE)
    ways = re.findall(r"^ *grant use schema on schema shop\.(\w+) to `analysts`;$", PAGE, re.MULTILINE)
    tables = shared_tables().values()
    assert granted == [f"{table.schema}.{table.name}" for table in tables if table.schema != "gold"]
    assert set(ways) == {table.schema for table in tables}


def test_every_file_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert len(links) > 8
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_there_are_ten_steps() -> None:
    steps = PAGE.split("## From nothing")[1].split("\n## ")[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", steps, re.MULTILINE)] == list(range(1, 11))


def test_every_task_is_in_the_picture() -> None:
    job = merged(read(optional=()), "prod")["resources"]["jobs"]["lakehouse"]
    picture = PAGE.split("## The job")[1].split("```")[1]
    assert {task["task_key"] for task in job["tasks"]} <= set(re.findall(r"\w+", picture))
