"""The adapter: dbt-spark's, less what the embedded engine lacks, plus Python models in the same process."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
from dbt.adapters.base import BaseRelation, PythonJobHelper, available
from dbt.adapters.contracts.relation import RelationType
from dbt.adapters.lakehouse.connections import LakehouseConnectionManager, LakehouseCredentials
from dbt.adapters.spark.column import SparkColumn
from dbt.adapters.spark.impl import SparkAdapter
from dbt_common.exceptions import DbtRuntimeError
from dbt_common.invocation import get_invocation_id
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from lakehouse import catalog, engine

if TYPE_CHECKING:
    import agate


class InProcessPythonJob(PythonJobHelper):
    """Runs a compiled Python model in this process, on the session that the SQL models use."""

    def __init__(self, parsed_model: dict[str, Any], credentials: LakehouseCredentials) -> None:
        self._path = parsed_model["original_file_path"]
        self._credentials = credentials

    def submit(self, compiled_code: str) -> None:
        # The name must not be importable: worker functions are then pickled by value.
        spark = self._credentials.session()
        namespace = {"__name__": "dbt_python_model", "spark": spark, "write_model": self._write}
        code = compiled_code.lstrip()  # the macros that wrap the model indent its first line
        try:
            exec(compile(code, self._path, "exec"), namespace)  # noqa: S102  # what dbt compiled from the project
        except PySparkException as error:
            raise DbtRuntimeError(f"The Python model {self._path} failed: {engine.explain(error)}") from error
        except Exception as error:
            raise DbtRuntimeError(f"The Python model {self._path} failed: {type(error).__name__}: {error}") from error

    def _write(self, frame: Any, table: str, partitions: str | list[str]) -> None:
        if isinstance(frame, pd.DataFrame):
            frame = self._credentials.session().createDataFrame(frame)
        if not isinstance(frame, DataFrame):
            raise TypeError(f"model() returned {type(frame).__name__}, not a Spark or pandas DataFrame")
        partitions = [partitions] if isinstance(partitions, str) else partitions
        engine.replace_table(frame, table, partitions, get_invocation_id())


class LakehouseAdapter(SparkAdapter):
    """dbt over one Spark Connect or Spark session, with Delta tables in folders."""

    ConnectionManager = LakehouseConnectionManager

    @classmethod
    def type(cls) -> str:
        return "lakehouse"

    @property
    def _credentials(self) -> LakehouseCredentials:
        return self.config.credentials

    # --- what exists

    def list_relations_without_caching(self, schema_relation: BaseRelation) -> list[BaseRelation]:
        engine = self._credentials.session().catalog
        schema = str(schema_relation.schema)
        if not engine.databaseExists(schema):
            return []
        return [
            self.Relation.create(
                schema=schema,
                identifier=table.name,
                type=RelationType.View if table.tableType == "VIEW" else RelationType.Table,
                is_delta=table.tableType != "VIEW",
            )
            for table in engine.listTables(schema)
            if not table.isTemporary
        ]

    def parse_columns_from_information(self, relation: BaseRelation) -> list[SparkColumn]:
        """For the catalog: the columns as described; the embedded engine knows no owners."""
        return [replace(column, table_owner=None) for column in self.get_columns_in_relation(relation)]

    # --- what the embedded engine lacks

    @available
    def create_schema_with_location(self, schema: str) -> None:
        """Create a schema over its folder in the warehouse."""
        catalog.create_schema(
            self._credentials.session(), self._credentials.engine, self._credentials.warehouse, schema
        )

    def drop_relation(self, relation: BaseRelation) -> None:
        spark = self._credentials.session()
        self.cache_dropped(relation)
        is_temporary = not relation.include_policy.schema
        if is_temporary or relation.type == RelationType.View:
            spark.sql(f"drop view if exists {relation}")
        else:
            table = catalog.TableName(str(relation.schema), str(relation.identifier))
            catalog.drop(spark, self._credentials.warehouse, table)

    @available
    def add_columns(self, relation: BaseRelation, columns: list[SparkColumn]) -> None:
        """Add columns to a Delta table; rows already there have null in them."""
        with self.connections.exception_handler(f"add columns to {relation}"):
            empty = self._credentials.session().table(str(relation)).limit(0)
            for column in columns:
                empty = empty.withColumn(column.name, F.lit(None).cast(column.data_type))
            catalog.check_layout(empty.schema, [])
            empty.write.format("delta").mode("append").option("mergeSchema", "true").saveAsTable(str(relation))

    @available
    def load_seed(self, relation: BaseRelation, table: agate.Table, types: dict[str, str]) -> None:
        """Write a seed in one commit, nulls and quotes intact; a column without a type gets the one dbt infers."""
        columns = [
            F.col(catalog.quote(name)).cast(types.get(name) or self.convert_type(table, index)).alias(name)
            for index, name in enumerate(table.column_names)
        ]
        texts: dict[type, Any] = {Decimal: "{:f}".format, type(None): lambda _: None}
        rows = [[texts.get(type(value), str)(value) for value in row] for row in table.rows]
        schema = StructType([StructField(name, StringType()) for name in table.column_names])
        with self.connections.exception_handler(f"seed {relation}"):
            text = self._credentials.session().createDataFrame(rows, schema)
            engine.replace_table(text.select(columns), str(relation), [], get_invocation_id())

    # --- Python models

    @property
    def default_python_submission_method(self) -> str:
        return "in_process"

    @property
    def python_submission_helpers(self) -> dict[str, Any]:
        return {"in_process": InProcessPythonJob}
