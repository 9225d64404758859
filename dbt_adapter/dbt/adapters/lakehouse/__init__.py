"""dbt adapter ``lakehouse``: dbt-spark's session method over the session that the lakehouse package opens."""

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.lakehouse.connections import LakehouseCredentials
from dbt.adapters.lakehouse.impl import LakehouseAdapter
from dbt.include import lakehouse

Plugin = AdapterPlugin(
    adapter=LakehouseAdapter,  # type: ignore[arg-type]
    credentials=LakehouseCredentials,
    include_path=lakehouse.PACKAGE_PATH,
    dependencies=["spark"],
)
