"""The server's one child: runs jobs, one at a time, durably (``python -m homegrown.worker FOLDER``).

DBOS lives here alone. A job is one workflow under the job's own id with one step, the verb. Steps are
at-least-once; every verb is resumable and idempotent, so a job that was killed goes on instead of starting over.
The executor id is fixed, which is sound only because a file lock lets one worker run per workspace.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from homegrown.core.access import SYSTEM
from homegrown.errors import CancelledError, ConflictError, HomegrownError
from homegrown.jobs import JobProgress, JobQueue, Schedules
from homegrown.store.locks import FileLock
from homegrown.workspace import Workspace, connect
from homegrown.workspace.verbs import run_verb

POLL_S = 0.3
LOOK_FOR_DUE_S = 5.0


class Worker:
    """Takes jobs from the queue and runs them under DBOS."""

    def __init__(self, root: Path) -> None:
        self._ws: Workspace = connect(root, actor=SYSTEM)
        self._queue = JobQueue(self._ws.store.db)
        self._stop = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._next_look = 0.0

    def run(self) -> None:
        """Work until standard input closes."""
        layout = self._ws.store.layout
        with FileLock(layout.folder("locks") / "worker.lock", exclusive=True, wait_s=30):
            threading.Thread(target=self._watch_parent, daemon=True).start()
            start = self._launch(layout.jobs_database)
            self._requeue_strays()
            while not self._stop.is_set():
                self._submit_what_is_due()
                job = self._queue.next_queued()
                if job is None:
                    self._stop.wait(POLL_S)
                    continue
                start(job.job_id)
            DBOS.destroy()
        self._ws.close()

    def _submit_what_is_due(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_FOR_DUE_S
        with contextlib.suppress(HomegrownError):
            Schedules(self._ws.store.db).submit_due(self._queue)

    def _watch_parent(self) -> None:
        with contextlib.suppress(OSError):
            sys.stdin.buffer.read()
        self._stop.set()
        time.sleep(5)
        # The job in hand is resumable: leaving in the middle of it is what a power failure would do too.
        os._exit(0)

    def _launch(self, database: Path) -> Any:
        config = DBOSConfig(
            name="homegrown",
            system_database_url=f"sqlite:///{database}",
            executor_id="worker",
            application_version="1",
            serializer=DBOSPortableJSONSerializer(),
            log_level="WARNING",
            max_executor_threads=4,
        )
        DBOS(config=config)

        @DBOS.step(name="run_verb")
        def step(job_id: str) -> str:
            with self._one_at_a_time:
                return self._work(job_id)

        @DBOS.workflow(name="job")
        def workflow(job_id: str) -> str:
            return step(job_id)

        DBOS.launch()

        def start(job_id: str) -> None:
            with SetWorkflowID(job_id):
                DBOS.start_workflow(workflow, job_id).get_result()

        return start

    def _requeue_strays(self) -> None:
        """A job marked running that DBOS never heard of (killed between the two) goes back to the queue."""
        for job in self._queue.list(status="running"):
            if DBOS.get_workflow_status(job.job_id) is None:
                self._queue.requeue(job.job_id)

    def _work(self, job_id: str) -> str:
        try:
            job = self._queue.begin(SYSTEM, job_id)
        except ConflictError as error:
            return str(error)
        self._ws.progress = JobProgress(self._queue, job_id)
        try:
            result = run_verb(self._ws, job.verb, job.arguments)
        except CancelledError as error:
            self._queue.end(SYSTEM, job_id, "cancelled", error=error.message)
            return "cancelled"
        except HomegrownError as error:
            self._queue.end(SYSTEM, job_id, "failed", error=error.message)
            return "failed"
        except Exception as error:
            self._queue.end(
                SYSTEM, job_id, "failed", error=f"It failed unexpectedly ({type(error).__name__}: {error})."
            )
            DBOS.logger.exception("job %s failed", job_id)
            return "failed"
        self._queue.end(SYSTEM, job_id, "succeeded", result=result)
        return "succeeded"


def main() -> None:
    """Entry of the child process."""
    Worker(Path(sys.argv[1])).run()


if __name__ == "__main__":
    main()
