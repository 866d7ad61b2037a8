"""Runs whatever takes longer than a request: durable, resumable, cancellable, with progress.

A job names a verb of the workspace and its arguments. The row in ``jobs`` is the truth that people see; DBOS, in the
worker process alone, makes sure that a job whose worker was killed is taken up again.
"""

from homegrown.jobs.progress import JobProgress
from homegrown.jobs.queue import Job, JobQueue
from homegrown.jobs.schedule import Schedule, Schedules
from homegrown.jobs.supervise import WorkerProcess

__all__ = ["Job", "JobProgress", "JobQueue", "Schedule", "Schedules", "WorkerProcess"]
