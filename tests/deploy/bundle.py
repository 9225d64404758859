"""What the bundle says, put together as Databricks puts it together, and what is wrong with it.

Databricks checks a bundle against a workspace. These checks need none: they find what can be known from the files.
"""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped,unused-ignore]

from lakehouse.settings import ROOT

BUNDLE = ROOT / "deploy" / "databricks"
OPTIONAL = ("optional/data_factory.yml", "optional/power_bi.yml", "optional/serving.yml")
TARGETS = ("dev", "prod")

INTERACTIVE_MINUTES = 15
WAREHOUSE_MINUTES = 10
SINGLE_NODE = {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"}
ENVIRONMENT = {
    "LAKEHOUSE_TARGET",
    "LAKEHOUSE_WAREHOUSE",
    "LAKEHOUSE_SITE",
    "LAKEHOUSE_CHECKPOINTS",
    "DATABRICKS_HTTP_PATH",
    "DATABRICKS_CATALOG",
    "DATABRICKS_SCHEMA",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
}
"""Without them a task would not find the tables, or write where nobody looks."""
RESOLVED = {"workspace.current_user.short_name"}
"""What is known of a workspace in any bundle. Its address is empty unless the bundle itself names it."""
TAGS = {"project", "environment", "cost_center"}
GATED = ("silver", "gold", "marts")
NODE_TYPES = ("dbt_task", "python_wheel_task", "power_bi_task")

Tree = dict[str, Any]


class Outside(NamedTuple):
    """What the bundle leans on and does not hold.

    Attributes:
        package: the name of the wheel's project.
        entry_points: the names of its console scripts.
        command_fault: what the command line says to these words, empty if it takes them.
        selectors: those of the dbt project.
        tables: those of Gold by name, and whether a column of theirs is personal.
    """

    package: str
    entry_points: frozenset[str]
    command_fault: Callable[[Sequence[str]], str]
    selectors: frozenset[str]
    tables: Mapping[str, bool]


def read(folder: Path = BUNDLE, optional: Sequence[str] = OPTIONAL) -> dict[str, Tree]:
    """The files of a bundle by their path in it, those that are optional included."""
    root = yaml.load((folder / "databricks.yml").read_text(), yaml.CSafeLoader)
    paths = [Path("databricks.yml")]
    for pattern in (*root.get("include", ()), *optional):
        paths += sorted(path.relative_to(folder) for path in folder.glob(pattern))
    return {path.as_posix(): yaml.load((folder / path).read_text(), yaml.CSafeLoader) for path in paths}


def merged(files: Mapping[str, Tree], target: str) -> Tree:
    """The bundle as a target has it: all files, the target's own settings over them, variables left as they are."""
    whole: Tree = {}
    for tree in files.values():
        whole = _over(whole, copy.deepcopy(tree))
    own = whole.pop("targets")[target]
    values = own.pop("variables", {})
    whole = _over(whole, own)
    for name, value in values.items():
        whole["variables"][name]["default"] = value
    return whole


def _over(base: Any, top: Any) -> Any:
    """Mappings are merged, tasks by their key, other lists appended; all else is replaced."""
    if isinstance(base, dict) and isinstance(top, dict):
        return {**base, **{key: _over(base[key], value) if key in base else value for key, value in top.items()}}
    if isinstance(base, list) and isinstance(top, list):
        if not all(isinstance(item, dict) and "task_key" in item for item in base + top):
            return base + top
        own = {item["task_key"]: item for item in top}
        there = {item["task_key"] for item in base}
        return [_over(item, own.get(item["task_key"], {})) for item in base] + [
            item for key, item in own.items() if key not in there
        ]
    return top


def resources(bundle: Tree) -> Iterator[tuple[str, str, Tree]]:
    """Every resource with its kind and its key."""
    for kind, by_key in bundle["resources"].items():
        for key, resource in by_key.items():
            yield kind, key, resource


def texts(tree: Any) -> Iterator[str]:
    """All text in a tree, values and keys."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts(value)
    elif isinstance(tree, str):
        yield tree


def faults(files: Mapping[str, Tree], outside: Outside) -> list[str]:
    """All that is wrong with a bundle, in any target, in words."""
    found = []
    for target in TARGETS:
        bundle = merged(files, target)
        there = [*_reference_faults(bundle), *_cost_faults(bundle), *_target_faults(bundle, target)]
        for key, job in bundle["resources"]["jobs"].items():
            there += [f"{key}: {fault}" for fault in _job_faults(job, outside, bundle)]
        found += [f"{target}: {fault}" for fault in there]
    unused = _defined_variables(files) - set(re.findall(r"\$\{var\.(\w+)\}", "\n".join(texts(dict(files)))))
    return found + [f"the variable {name} is used nowhere" for name in sorted(unused)]


def _defined_variables(files: Mapping[str, Tree]) -> set[str]:
    return {name for tree in files.values() for name in tree.get("variables", {})}


def _reference_faults(bundle: Tree) -> Iterator[str]:
    written = "\n".join(texts(bundle))
    for name in sorted(set(re.findall(r"\$\{var\.(\w+)\}", written)) - set(bundle["variables"])):
        yield f"there is no variable {name}"
    for name in sorted(set(re.findall(r"\$\{(workspace\.[\w.]+)\}", written)) - RESOLVED):
        yield f"{name} may be empty"
    for kind, key in sorted(set(re.findall(r"\$\{resources\.(\w+)\.(\w+)\.\w+\}", written))):
        if key not in bundle["resources"].get(kind, {}):
            yield f"there is no resource {kind}.{key}"
    if bundle["mode"] == "production":
        made = {
            (one["schema_name"].split(".")[-2], one["name"])
            for one in bundle["resources"].get("volumes", {}).values()
        }
        named = set(re.findall(r"/Volumes/\$\{var\.catalog\}/(\w+)/(\w+)", written))
        yield from (f"nobody makes the volume {schema}/{name}" for schema, name in sorted(named - made))
    for path in bundle["sync"]["paths"]:
        if not (BUNDLE / path).is_dir():
            yield f"there is no folder {path} to sync"


def _cost_faults(bundle: Tree) -> Iterator[str]:
    for kind, key, resource in resources(bundle):
        if kind == "clusters":
            minutes = resource.get("autotermination_minutes", 0)
            if not 0 < minutes <= INTERACTIVE_MINUTES:
                yield f"the cluster {key} does not end itself within {INTERACTIVE_MINUTES} minutes"
            yield from (f"the cluster {key} {fault}" for fault in _single_node_faults(resource))
        elif kind == "sql_warehouses":
            if not 0 < resource.get("auto_stop_mins", 0) <= WAREHOUSE_MINUTES:
                yield f"the warehouse {key} does not stop within {WAREHOUSE_MINUTES} minutes"
            if resource.get("max_num_clusters") != 1:
                yield f"the warehouse {key} may grow beyond one cluster"
            tags = {tag["key"] for tag in resource.get("tags", {}).get("custom_tags", ())}
            yield from _tag_faults(f"the warehouse {key}", tags)
        elif kind == "model_serving_endpoints":
            for entity in resource["config"]["served_entities"]:
                if entity.get("scale_to_zero_enabled") is not True:
                    yield f"the endpoint {key} does not scale to zero"
            if not resource.get("budget_policy_id"):
                yield f"the endpoint {key} has no budget policy"
            yield from _tag_faults(f"the endpoint {key}", {tag["key"] for tag in resource.get("tags", ())})
        elif kind == "jobs":
            if not resource.get("budget_policy_id"):
                yield f"the job {key} has no budget policy"
            yield from _tag_faults(f"the job {key}", set(resource.get("tags", ())))
            for cluster in resource.get("job_clusters", ()):
                name = f"the job cluster {cluster['job_cluster_key']}"
                yield from (f"{name} {fault}" for fault in _single_node_faults(cluster["new_cluster"]))
                if lacking := sorted(ENVIRONMENT - set(cluster["new_cluster"].get("spark_env_vars", ()))):
                    yield f"{name} is not told {', '.join(lacking)}"


def _single_node_faults(cluster: Tree) -> Iterator[str]:
    conf = {key: cluster.get("spark_conf", {}).get(key) for key in SINGLE_NODE}
    tags = cluster.get("custom_tags", {})
    if cluster.get("num_workers") != 0 or conf != SINGLE_NODE or tags.get("ResourceClass") != "SingleNode":
        yield "is not a single node"
    yield from _tag_faults("", set(tags))
    for key in cluster.get("spark_conf", {}):
        if re.search(r"key|secret|password|token|credential", key, re.IGNORECASE):
            yield f"has {key} in its Spark configuration; secrets belong in a scope or the vault"


def _tag_faults(name: str, tags: set[str]) -> Iterator[str]:
    if lacking := sorted(TAGS - tags):
        yield f"{name} has no tag {', '.join(lacking)}".strip()


def _target_faults(bundle: Tree, target: str) -> Iterator[str]:
    mode = {"dev": "development", "prod": "production"}[target]
    if bundle.get("mode") != mode:
        yield f"its mode is not {mode}"
    if target == "prod":
        if not bundle.get("run_as", {}).get("service_principal_name"):
            yield "no service principal owns the runs"
        if not bundle.get("permissions"):
            yield "it has no permissions"
    elif not bundle.get("default"):
        yield "it is not the default"


def _job_faults(job: Tree, outside: Outside, bundle: Tree) -> Iterator[str]:
    tasks = {task["task_key"]: task for task in job["tasks"]}
    if len(tasks) < len(job["tasks"]):
        yield "two tasks have the same key"
    yield from _keeping_faults(job)
    yield from _flow_faults(tasks)
    defaults = {parameter["name"]: parameter["default"] for parameter in job.get("parameters", ())}
    parameters = set(defaults)
    used = set(re.findall(r"\{\{job\.parameters\.(\w+)\}\}", "\n".join(texts(job["tasks"]))))
    yield from (f"there is no job parameter {name}" for name in sorted(used - parameters))
    yield from (f"the job parameter {name} is used nowhere" for name in sorted(parameters - used))
    clusters = {cluster["job_cluster_key"] for cluster in job.get("job_clusters", ())}
    for key, task in tasks.items():
        if (name := task.get("job_cluster_key")) is not None and name not in clusters:
            yield f"{key}: there is no job cluster {name}"
        if "dbt_task" in task:
            yield from (f"{key}: {fault}" for fault in _dbt_faults(task, outside, bundle))
        if "python_wheel_task" in task:
            yield from (f"{key}: {fault}" for fault in _wheel_faults(task, outside, defaults))
        if "power_bi_task" in task:
            yield from (f"{key}: {fault}" for fault in _power_bi_faults(task, outside))


def _keeping_faults(job: Tree) -> Iterator[str]:
    """What keeps a job from running twice, for ever, unseen, or once more without need."""
    if job.get("max_concurrent_runs") != 1:
        yield "two runs at a time may write the same tables"
    if not job.get("timeout_seconds"):
        yield "it may run for ever"
    if not job.get("email_notifications", {}).get("on_failure"):
        yield "nobody hears of a failure"
    if not job.get("health", {}).get("rules"):
        yield "nobody hears of a slow run"
    if {"quartz_cron_expression", "timezone_id"} - set(job.get("schedule", {})):
        yield "it has no whole schedule"
    if job.get("schedule", {}).get("pause_status") == "UNPAUSED":
        yield "it runs by itself in dev too: the CLI pauses only a schedule that says nothing of it"
    for task in job["tasks"]:
        if any(kind in task for kind in NODE_TYPES):
            if not task.get("timeout_seconds"):
                yield f"{task['task_key']} may run for ever"
            if "max_retries" not in task:
                yield f"{task['task_key']} does not say how often it is tried again"


def _flow_faults(tasks: Mapping[str, Tree]) -> Iterator[str]:
    after = {key: [edge["task_key"] for edge in task.get("depends_on", ())] for key, task in tasks.items()}
    for key, before in after.items():
        for name in before:
            if name not in tasks:
                yield f"{key} waits for {name}, and there is no such task"
    starts = [key for key, before in after.items() if not before]
    if len(starts) != 1:
        yield f"it starts with {', '.join(starts) or 'nothing'} instead of one task"
    for layer in GATED:
        builds = [key for key, task in tasks.items() if _builds(task) == layer]
        gates = [key for key, task in tasks.items() if _validates(task) == layer]
        if len(builds) != 1 or len(gates) != 1:
            yield f"{layer} is built by {builds} and checked by {gates}"
        elif "--just-built" not in tasks[gates[0]]["python_wheel_task"]["parameters"]:
            yield f"the gate of {layer} keeps nothing that later runs could be compared with"
        elif [key for key, before in after.items() if builds[0] in before] != gates:
            yield f"something other than the gate of {layer} waits for its build"
        elif layer != GATED[-1] and not any(gates[0] in before for before in after.values()):
            yield f"nothing waits for the gate of {layer}"


def _builds(task: Tree) -> str:
    words = [word for command in task.get("dbt_task", {}).get("commands", ()) for word in shlex.split(command)]
    return words[words.index("--selector") + 1] if "--selector" in words[:-1] else ""


def _validates(task: Tree) -> str:
    words = task.get("python_wheel_task", {}).get("parameters", [])
    return words[2] if words[:2] == ["validate", "--layer"] else ""


def _dbt_faults(task: Tree, outside: Outside, bundle: Tree) -> Iterator[str]:
    dbt = task["dbt_task"]
    for command in dbt["commands"]:
        words = shlex.split(command)
        if words[:2] != ["dbt", "build"]:
            yield f"`{' '.join(words[:2])}` leaves the tests out; it must be `dbt build`"
        if (selector := _builds({"dbt_task": {"commands": [command]}})) not in outside.selectors:
            yield f"dbt has no selector {selector!r}"
        if not any(
            "dbt-databricks" in library.get("pypi", {}).get("package", "") for library in task.get("libraries", ())
        ):
            yield "it does not bring dbt-databricks"
        target = words[words.index("--target") + 1] if "--target" in words[:-1] else ""
        yield from _profile_faults(dbt, target)
    project = (BUNDLE / "resources" / dbt["project_directory"]).resolve()
    if not (project / "dbt_project.yml").exists():
        yield f"there is no dbt project at {dbt['project_directory']}"
        return
    synced = [(BUNDLE / path).resolve() for path in bundle["sync"]["paths"]]
    config = yaml.load((project / "dbt_project.yml").read_text(), yaml.CSafeLoader)
    for folder in (".", dbt["profiles_directory"], *config["model-paths"]):
        if not any((project / folder).resolve().is_relative_to(path) for path in synced):
            yield f"dbt reads {folder}, which is not synced"


def _profile_faults(dbt: Tree, target: str) -> Iterator[str]:
    path = BUNDLE / "resources" / dbt["project_directory"] / dbt["profiles_directory"] / "profiles.yml"
    if not path.exists():
        yield f"there is no profile in {dbt['profiles_directory']}"
        return
    profile = yaml.load(path.read_text(), yaml.CSafeLoader)["lakehouse"]["outputs"].get(target)
    if profile is None:
        yield f"the profile has no target {target!r}"
    elif "DBT_ACCESS_TOKEN" not in str(profile.get("token")):
        yield f"the target {target} does not take the token that the task is given"


def _wheel_faults(task: Tree, outside: Outside, defaults: Mapping[str, str]) -> Iterator[str]:
    wheel = task["python_wheel_task"]

    def default(reference: re.Match[str]) -> str:
        return defaults.get(reference[1], "")

    words = [re.sub(r"\{\{job\.parameters\.(\w+)\}\}", default, word) for word in wheel.get("parameters", ())]
    if wheel["package_name"] != outside.package:
        yield f"the wheel is not called {wheel['package_name']}"
    if wheel["entry_point"] not in outside.entry_points:
        yield f"the wheel has no entry point {wheel['entry_point']}"
    elif fault := outside.command_fault(words):
        yield f"`{wheel['entry_point']} {' '.join(words)}`: {fault}"
    wheels = [library["whl"] for library in task.get("libraries", ()) if "whl" in library]
    if [(BUNDLE / "resources" / path).resolve() for path in wheels] != [ROOT / "dist" / "*.whl"]:
        yield "it does not bring the wheel"


def _power_bi_faults(task: Tree, outside: Outside) -> Iterator[str]:
    for table in task["power_bi_task"]["tables"]:
        if table["schema"] != "gold" or table["name"] not in outside.tables:
            yield f"there is no table {table['schema']}.{table['name']} for people to look at"
        elif outside.tables[table["name"]]:
            yield f"{table['name']} says who a person is, and whoever opens the model would read it"
