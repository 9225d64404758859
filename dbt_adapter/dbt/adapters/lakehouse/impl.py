"""The adapter: dbt-spark's, less what the embedded engine lacks, plus Python models in the same process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dbt.adapters.base import BaseRelation, PythonJobHelper, available
from dbt.adapters.contracts.relation import RelationType
from dbt.adapters.lakehouse.connections import (
    LakehouseConnectionManager,
    LakehouseCredentials,
    explain,
    replace_table,
)
from dbt.adapters.spark.column import SparkColumn
from dbt.adapters.spark.impl import SparkAdapter
from dbt_common.exceptions import DbtRuntimeError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from lakehouse import catalog

if TYPE_CHECKING:
    import agate


class InProcessPythonJob(PythonJobHelper):
    """Runs a compiled Python model in this process, on the session that the SQL models use."""

    def __init__(self, parsed_model: dict[str, Any], credentials: LakehouseCredentials) -> None:
        self._path = parsed_model["original_file_path"]
        self._credentials = credentials

    def submit(self, compiled_code: str) -> None:
        # The name must not be importable: worker functions are then pickled by value.
        namespace = {"__name__": "dbt_python_model", "spark": self._credentials.session(), "write_model": self._write}
        code = compiled_code.lstrip()  # the macros that wrap the model indent its first line
        try:
            exec(compile(code, self._path, "exec"), namespace)  # noqa: S102  # what dbt compiled from the project
        except PySparkException as error:
            raise DbtRuntimeError(f"The Python model {self._path} failed: {explain(error)}") from error
        except Exception as error:
            raise DbtRuntimeError(f"The Python model {self._path} failed: {type(error).__name__}: {error}") from error


    def _write(self, frame: Any, table: str) -> None:
        is_spark = hasattr(frame, "sparkSession")
        replace_table(frame if is_spark else self._credentials.session().createDataFrame(frame), table, [])


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
        spark = self._credentials.session()
        schema = schema_relation.schema
        if not spark.catalog.databaseExists(schema):
            return []
        return [
            self.Relation.create(
                schema=schema,
                identifier=table.name,
                type=RelationType.View if table.tableType == "VIEW" else RelationType.Table,
                is_delta=table.tableType != "VIEW",
            )
            for table in spark.catalog.listTables(schema)
            if not table.isTemporary
        ]

    def get_columns_in_relation(self, relation: BaseRelation) -> list[SparkColumn]:
        try:
            fields = self._credentials.session().table(relation.render()).schema.fields
        except PySparkException as error:
            if "TABLE_OR_VIEW_NOT_FOUND" in str(error):
                return []
            raise DbtRuntimeError(explain(error)) from error
        return [
            SparkColumn(
                table_schema=relation.schema,
                table_name=relation.identifier,
                table_type=relation.type,
                column=field.name,
                column_index=index,
                dtype=field.dataType.simpleString(),
            )
            for index, field in enumerate(fields)
        ]

    def _get_columns_for_catalog(self, relation: BaseRelation) -> Iterable[dict[str, Any]]:
        for column in self.get_columns_in_relation(relation):
            entry = column.to_column_dict()
            entry["column_name"] = entry.pop("column")
            entry["column_type"] = entry.pop("dtype")
            entry["table_database"] = None
            yield entry

    # --- what the embedded engine lacks

    @available
    def create_schema_with_location(self, schema: str) -> None:
        """Create a schema over its folder in the warehouse."""
        catalog.create_schema(self._credentials.session(), self._credentials.warehouse, schema)

    def drop_relation(self, relation: BaseRelation) -> None:
        spark = self._credentials.session()
        if not relation.include_policy.schema:  # a temporary view
            spark.catalog.dropTempView(relation.identifier)
        elif relation.type == RelationType.View:
            super().drop_relation(relation)
        else:
            self.cache_dropped(relation)
            table = catalog.TableName(relation.schema, relation.identifier)
            catalog.drop(spark, self._credentials.warehouse, table)

    @available
    def add_columns(self, relation: BaseRelation, columns: list[SparkColumn]) -> None:
        """Add columns to a Delta table; rows already there have null in them."""
        spark = self._credentials.session()
        empty = spark.table(str(relation)).limit(0)
        for column in columns:
            empty = empty.withColumn(column.name, F.lit(None).cast(column.data_type))
        empty.write.format("delta").mode("append").option("mergeSchema", "true").saveAsTable(str(relation))

    @available
    def load_seed(self, relation: BaseRelation, table: agate.Table, types: dict[str, str]) -> None:
        """Write a seed as one Delta table, nulls and quotes intact.

        Args:
            relation: the seed's table.
            table: the rows as dbt read them.
            types: Spark type by column name, in the order of the columns.
        """
        spark = self._credentials.session()
        rows = [tuple(None if value is None else _as_text(value) for value in row) for row in table.rows]
        text = spark.createDataFrame(rows, ", ".join(f"{catalog.quote(name)} string" for name in types))
        typed = text.select([F.col(catalog.quote(name)).cast(type_).alias(name) for name, type_ in types.items()])
        replace_table(typed, str(relation), [])

    # --- Python models

    @property
    def default_python_submission_method(self) -> str:
        return "in_process"

    @property
    def python_submission_helpers(self) -> dict[str, type[PythonJobHelper]]:
        return {"in_process": InProcessPythonJob}


def _as_text(value: Any) -> str:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)
