"""The studio: the pages for people. A page is one frozen dataclass, shown as HTML and, at the same address, as JSON.

``pages/<verb>.py`` builds a page's dataclass from the workspace, ``templates/<verb>/<page>.html`` shows it and
``render`` puts the two together. The browser code of ``frontend/`` is bundled into ``static/`` at set-up.
"""

from homegrown.studio.routes import PARTS, ROUTES

__all__ = ["PARTS", "ROUTES"]
