"""``homegrown monitor`` and its parts."""

from __future__ import annotations

from homegrown.cli.family import Family

command = Family(
    "monitor",
    {
        "tasks": ("homegrown.cli.monitor_tasks", "Tasks found in calls of a model API; meant when no part is named."),
        "import": ("homegrown.cli.monitor_import", "Calls that you have: OpenAI, Langfuse, Helicone, LiteLLM, OTLP."),
        "accept": ("homegrown.cli.monitor_accept", "Make a Task of a template, or of the calls with a tag."),
    },
    help="Calls of a model API: bring them in, find the tasks in them, make a Task of one.",
)
