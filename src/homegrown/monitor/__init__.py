"""Traces → what to do about them: tasks found in traffic, and calls that a team already has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.monitor.imports.read import ImportedCalls, read_calls
    from homegrown.monitor.proposals import Bill, Proposal, Suits, Traffic, propose
    from homegrown.monitor.templates import Found, find_templates, pointed_at

__getattr__ = on_demand(
    __name__,
    {
        "Bill": "homegrown.monitor.proposals",
        "Found": "homegrown.monitor.templates",
        "ImportedCalls": "homegrown.monitor.imports.read",
        "Proposal": "homegrown.monitor.proposals",
        "Suits": "homegrown.monitor.proposals",
        "Traffic": "homegrown.monitor.proposals",
        "find_templates": "homegrown.monitor.templates",
        "pointed_at": "homegrown.monitor.templates",
        "propose": "homegrown.monitor.proposals",
        "read_calls": "homegrown.monitor.imports.read",
    },
)

__all__ = [
    "Bill",
    "Found",
    "ImportedCalls",
    "Proposal",
    "Suits",
    "Traffic",
    "find_templates",
    "pointed_at",
    "propose",
    "read_calls",
]
