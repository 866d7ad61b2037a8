"""How every route is declared, guarded and answered, for the faces above (``api``, ``gateway``, ``studio``)."""

from homegrown.web.answers import Shape
from homegrown.web.call import Call, Doors, Part
from homegrown.web.route import Route

__all__ = ["Call", "Doors", "Part", "Route", "Shape"]
