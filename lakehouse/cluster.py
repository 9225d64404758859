"""A small Apache Spark cluster on this machine: a standalone master, workers, and Spark Connect in front of them.

The same parts as on many machines, each a process of its own, so that what runs here runs there: shuffles go over
sockets, tasks are serialised, and nothing is shared but the warehouse folder.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from lakehouse.errors import LakehouseError
from lakehouse.session import memory_limit, require_java, spark_settings

HOST = "127.0.0.1"
SECONDS_TO_START = 180


class Cluster(NamedTuple):
    """A cluster that is up.

    Attributes:
        remote: what ``SPARK_REMOTE`` is to be.
        processes: by name; ``master``, ``worker 1`` and so on, ``connect``.
        logs: the folder of what each has to say.
    """

    remote: str
    processes: dict[str, subprocess.Popen[bytes]]
    logs: Path


@contextmanager
def running(warehouse: Path, workers: int = 2) -> Iterator[Cluster]:
    """A cluster for the length of the block.

    Args:
        warehouse: the folder of the tables; a cluster serves one, because its catalog is shared by all sessions.
        workers: how many; they share this machine's processors and memory.

    Yields:
        It, once it takes sessions.

    Raises:
        LakehouseError: there is no Java, or a part of it did not come up.
    """
    require_java()
    cores = max(1, (os.cpu_count() or workers) // workers)
    # Half of what the engine may have for all executors, a quarter for the server that plans and collects.
    megabytes = memory_limit() // 2**20
    memory = f"{megabytes // 2 // workers}m"
    master_port, connect_port = _free_ports(2)
    master = f"spark://{HOST}:{master_port}"
    settings = {
        **spark_settings(warehouse),
        "spark.sql.shuffle.partitions": str(cores * workers),
        "spark.executor.memory": memory,
        "spark.driver.memory": f"{megabytes // 4}m",
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(connect_port),
    }
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lakehouse-cluster-")))
        cluster = Cluster(f"sc://{HOST}:{connect_port}", {}, logs)
        stack.callback(_stop, cluster)
        _start(cluster, "master", "spark-class", *_node("master.Master"), "--port", str(master_port))
        _wait_for_port(cluster, "master", master_port)
        for number in range(1, workers + 1):
            room = ("--cores", str(cores), "--memory", memory, "--work-dir", str(logs))
            _start(cluster, f"worker {number}", "spark-class", *_node("worker.Worker"), *room, master)
        _start(
            cluster,
            "connect",
            "spark-submit",
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", master),
            *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
        )
        _wait_for_port(cluster, "connect", connect_port)
        yield cluster


def wait(cluster: Cluster) -> None:
    """Until somebody interrupts.

    Raises:
        LakehouseError: Spark Connect ended by itself.
    """
    cluster.processes["connect"].wait()
    raise LakehouseError(
        f"The cluster's Spark Connect ended by itself: {_last_words(cluster, 'connect')}",
        "Start the cluster again; where memory was short, with fewer workers.",
    )


def _node(name: str) -> tuple[str, ...]:
    return (f"org.apache.spark.deploy.{name}", "--host", HOST, "--webui-port", "0")


def _start(cluster: Cluster, name: str, program: str, *words: str) -> None:
    import pyspark

    environment = {
        **{key: value for key, value in os.environ.items() if key != "SPARK_REMOTE"},
        "SPARK_LOCAL_IP": HOST,
        "PYSPARK_PYTHON": sys.executable,  # executors see the packages that we see
    }
    with (cluster.logs / f"{name}.log").open("wb") as log:
        cluster.processes[name] = subprocess.Popen(  # noqa: S603
            [str(Path(pyspark.__file__).parent / "bin" / program), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for whoever uses the cluster; it is stopped in order afterwards
        )


def _wait_for_port(cluster: Cluster, name: str, port: int) -> None:
    """Until a part takes connections."""
    process = cluster.processes[name]
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection((HOST, port), timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise LakehouseError(
        f"The cluster's {name} did not come up: {_last_words(cluster, name)}",
        "Its last words above say why; a cluster needs Java 17, and Delta's jars from Maven on first use.",
    )


def _last_words(cluster: Cluster, name: str) -> str:
    said = (cluster.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()[-3:]
    return " / ".join(said) or "it said nothing"


def _stop(cluster: Cluster) -> None:
    """The server first, then workers, which end their executors, then the master."""
    for process in reversed(cluster.processes.values()):
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        holders = [stack.enter_context(socket.socket()) for _ in range(count)]
        for holder in holders:
            holder.bind((HOST, 0))
        return [int(holder.getsockname()[1]) for holder in holders]
