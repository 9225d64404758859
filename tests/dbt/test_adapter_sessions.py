"""Many starts in one process."""

from __future__ import annotations

import gc
import weakref

from tests.dbt.small_project import Project


def test_a_closed_session_is_never_garbage_collected(project: Project) -> None:
    # pyspark would close its client again, in whichever thread the collector runs. Inside a call of the session
    # that is open by then, both wait for each other for ever: one build in some hundreds, after a restart.
    closed = weakref.ref(project.spark)
    project.restart()
    gc.collect()
    assert closed() is not None
