"""One module per verb: its pages as frozen dataclasses, and the functions that build them from the workspace."""
