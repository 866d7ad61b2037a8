"""Static files: read once at start-up into a table, so that no path of a request is ever resolved."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import NotFoundError
from homegrown.web.answers import Shape
from homegrown.web.route import Route

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.web.call import Call

FOR_EVER = "public, max-age=31536000, immutable"


def static_files(prefix: str, folder: Path, *, cache: str = FOR_EVER) -> Route:
    """A public route below *prefix* that serves the files of *folder* as they were at start-up.

    Args:
        prefix: such as ``/static/<digest>``; with the digest of the files in it a browser may keep them for ever.
        folder: of our own package; never the user's data.
        cache: the ``Cache-Control`` header.
    """
    table = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}
    content = {name: (path.read_bytes(), _type(name)) for name, path in table.items()}

    async def serve(call: Call) -> Response:
        found = content.get(call.path["name"])
        if found is None:
            raise NotFoundError
        return Response(found[0], media_type=found[1], headers={"Cache-Control": cache})

    return Route(f"{prefix}/{{name:path}}", serve, Permission.PUBLIC, shape=Shape.PAGE)


def _type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
