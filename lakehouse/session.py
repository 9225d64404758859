"""The one place that starts an engine.

``local`` is Sail, a Spark Connect server embedded in this process: no Java, no account.
``spark`` is Apache Spark with Delta Lake, in this process or at the address in ``SPARK_REMOTE``.
``databricks`` is the session of the job, over Unity Catalog.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from lakehouse import catalog, settings, unity
from lakehouse.errors import LakehouseError, disk_errors_explained

if TYPE_CHECKING:
    from pysail.spark import SparkConnectServer

Engine = Literal["local", "spark", "databricks"]

DELTA_PACKAGE = "io.delta:delta-spark_2.13:4.1.0"
# Spark brings its own loggers; resolving Delta's would need jars that nothing loads.
DELTA_EXCLUDES = (
    "org.slf4j:slf4j-api,org.apache.logging.log4j:log4j-slf4j2-impl,"
    "org.apache.logging.log4j:log4j-api,org.apache.logging.log4j:log4j-core"
)
MEMORY_SHARE = 0.5
A_YEAR = 365 * 24 * 3600
PARTS = 4
"""Of a query of the embedded engine, at least: DataFusion's ``subset_repartition_threshold``."""

_lock = threading.RLock()
_sessions: dict[tuple[str, Path], SparkSession] = {}
_sail: SparkConnectServer | None = None
# A session's client closes itself when it is garbage-collected, in whichever thread that happens to be. If that
# thread is inside a call of another session, the two wait for each other for ever; so none is let go.
_ended: list[SparkSession] = []


def open_session(engine: str, warehouse: Path) -> SparkSession:
    """The session over a warehouse, with every table on disk registered; one per process and warehouse.

    Args:
        engine: ``local``, ``spark`` or ``databricks``.
        warehouse: the folder of the tables; made if it is missing. On Databricks tables are in no folder.

    Returns:
        A session whose time zone is UTC.

    Raises:
        LakehouseError: unknown engine, a folder that is not ours, an unreadable table, or no Java for ``spark``.
    """
    check_engine(engine)
    if engine == "databricks":
        return cast("SparkSession", unity.opened())  # in all that is asked of one here: queries and tables
    warehouse = warehouse.resolve()
    with _lock:
        key = (engine, warehouse)
        if engine == "local" and key in _sessions and not _sail_answers():
            _ended.append(_sessions.pop(key))
        if key not in _sessions:
            with disk_errors_explained(warehouse):
                catalog.prepare(warehouse)
            session = _start_sail() if engine == "local" else _start_spark(warehouse)
            session.conf.set("spark.sql.session.timeZone", "UTC")
            catalog.register_all(session, engine, warehouse)
            _sessions[key] = session
        return _sessions[key]


def check_engine(engine: str) -> None:
    """Make sure that this process can open a session on an engine.

    Raises:
        LakehouseError: there is no such engine, or what the environment sets for it cannot be.
    """
    if engine not in get_args(Engine):
        raise LakehouseError(
            f"There is no engine called {engine!r}.", f"Choose one of: {', '.join(get_args(Engine))}."
        )
    if engine == "local":
        settings.threads()


def close_session(engine: str, warehouse: Path) -> None:
    """End a session; the next :func:`open_session` finds the tables on disk again."""
    with _lock:
        session = _sessions.pop((engine, warehouse.resolve()), None)
        if session is not None:
            _ended.append(session)
            if engine != "local" or _sail_answers():
                session.stop()


def memory_limit() -> int:
    """How many bytes the embedded engine may use before it spills: a share of the machine or its container."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = min(limit, int(Path(path).read_text()))
        except (OSError, ValueError):  # not in a container, or "max"
            continue
    return int(limit * MEMORY_SHARE)


def processors() -> int:
    """How many processors the embedded engine finds: those of the machine, or the share that its container has."""
    found = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return min(found, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # not in a container, or "max"
        return found


def _start_sail() -> SparkSession:
    global _sail
    if not _sail_answers():
        # The engine reads these when it is imported. Without a limit a wide aggregate can take all memory. A fair
        # pool keeps room for those that come last, but divides by all that could spill, a hundred while four models
        # build, and fails those whose first batch is larger than their share.
        pool = "fair" if settings.threads() == 1 else "greedy"
        os.environ.setdefault("SAIL_RUNTIME__MEMORY_POOL__TYPE", pool)
        os.environ.setdefault(f"SAIL_RUNTIME__MEMORY_POOL__{pool.upper()}__MAX_SIZE", str(memory_limit()))
        # What lies together by person also lies together by person and date, and can be added up as it comes. It sees
        # that from so many parts on; with fewer it deals the rows out anew and holds all of them.
        if processors() < PARTS:
            os.environ.setdefault("SAIL_EXECUTION__DEFAULT_PARALLELISM", str(PARTS))
        # Its default forgets a session after five minutes without a query, which a training may well need.
        os.environ.setdefault("SAIL_SPARK__SESSION_TIMEOUT_SECS", str(A_YEAR))
        os.environ.setdefault("RUST_LOG", "error")
        from pysail.spark import SparkConnectServer

        _sail = SparkConnectServer("127.0.0.1", 0)
        _sail.start(background=True)
    host, port = _sail_address()
    session = SparkSession.builder.remote(f"sc://{host}:{port}").create()
    # Ctrl-C ends the engine before it ends us. By default the client would ask it again for ten minutes.
    session.client.set_retry_policies([])
    # Within one process no connection breaks, and each query would cost a second call to say that it is done with.
    session.client.disable_reattachable_execute()
    return session


def _sail_address() -> tuple[str, int]:
    return (_sail and _sail.listening_address) or ("127.0.0.1", 0)


def _sail_answers() -> bool:
    try:
        with socket.create_connection(_sail_address(), timeout=5):
            return True
    except OSError:
        return False


def spark_settings(warehouse: Path) -> dict[str, str]:
    """How Apache Spark is set up with Delta Lake over a warehouse, in this process or on a cluster."""
    return {
        "spark.jars.packages": DELTA_PACKAGE,
        "spark.jars.excludes": DELTA_EXCLUDES,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": str(warehouse),
        "spark.sql.session.timeZone": "UTC",
        # The defaults are for large clusters: 50 partitions for each Delta log.
        "spark.databricks.delta.snapshotPartitions": "2",
        # Delta 4.1 cannot read a checkpoint that the same session of Spark 4.1.4 has written, so none is written.
        "spark.databricks.delta.properties.defaults.checkpointInterval": "1000000",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def _start_spark(warehouse: Path) -> SparkSession:
    if remote := os.environ.get("SPARK_REMOTE"):
        return SparkSession.builder.remote(remote).create()
    require_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers see the packages that we see
    builder = SparkSession.builder.master("local[*]").appName("customer-intelligence-lakehouse")
    local = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": f"{memory_limit() // 2**20}m",
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
    }
    for name, value in {**spark_settings(warehouse), **local}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise LakehouseError(
            f"Apache Spark did not start: {str(error).splitlines()[0]}",
            f"Its log above says why; on first use it fetches {DELTA_PACKAGE} from Maven.",
        ) from error
    session.sparkContext.setLogLevel("FATAL")  # errors reach the user as exceptions
    return session


def require_java() -> None:
    """Make sure that there is a Java that Spark can run on.

    Raises:
        LakehouseError: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    mend = "Install a Java runtime, version 17 or newer, or use the local target, which needs none."
    if java is None:
        raise LakehouseError("The spark target needs Java, and no java was found.", mend)
    banner = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    version = banner.split('"')[1] if '"' in banner else "unknown"
    major = re.match(r"\d+", version)
    if major is None or int(major[0]) < 17:
        raise LakehouseError(f"The spark target needs Java 17 or newer; {java} is version {version}.", mend)
