"""Who acts, and in what role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an actor may do: each all that stands after it; an annotator only labels, a caller only calls."""

    OWNER = "owner"
    BUILDER = "builder"
    REVIEWER = "reviewer"
    ANNOTATOR = "annotator"
    CALLER = "caller"


class Permission(StrEnum):
    """What a route or a verb asks for."""

    READ = "read"
    CALL = "call"
    ANNOTATE = "annotate"
    REVIEW = "review"
    BUILD = "build"
    GOVERN = "govern"
    PUBLIC = "public"


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.BUILDER: frozenset(Permission) - {Permission.GOVERN},
    Role.REVIEWER: frozenset(
        {Permission.PUBLIC, Permission.READ, Permission.CALL, Permission.ANNOTATE, Permission.REVIEW}
    ),
    Role.ANNOTATOR: frozenset({Permission.PUBLIC, Permission.ANNOTATE}),
    Role.CALLER: frozenset({Permission.PUBLIC, Permission.CALL}),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts: a person, a key, or the system itself.

    Example:
        >>> Actor("actor_terminal", "person", "terminal", Role.OWNER).may(Permission.GOVERN)
        True
    """

    actor_id: str
    kind: str
    name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        """Whether this actor's role carries *permission*."""
        return permission in ROLE_PERMISSIONS[self.role]


TERMINAL = Actor("actor_terminal", "person", "terminal", Role.OWNER)
SYSTEM = Actor("actor_system", "system", "system", Role.OWNER)
