"""What the processes of :mod:`tests.chaos.warm` have imported when they begin.

None of these starts a thread but jemalloc, which minds forks itself. The embedded engine is not among them: it reads
its settings from the environment when it is imported.
"""

from importlib import import_module

from ml.registry import _quiet_mlflow

_quiet_mlflow()
for name in (
    "bi.dashboards.site",
    "bi.power_bi.parquet",
    "dbt.adapters.lakehouse",
    "dbt.cli.main",
    "expectations.runner",
    "expectations.suites",
    "lakehouse.cli",
    "ml.steps",
    "mlforecast",
    "pyspark.sql.connect.session",
    "pytest",  # each process imports the main module of the tests
    "sklearn.ensemble",
    "statsforecast.models",
    "xgboost",
):
    import_module(name)
