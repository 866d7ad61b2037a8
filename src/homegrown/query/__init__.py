"""SQL over every noun, searches by words and meaning, models as functions, and saved Selections."""

from homegrown.query.duck import Limits
from homegrown.query.export import write_stream
from homegrown.query.functions import Abilities
from homegrown.query.indexes import IndexReport, build_indexes
from homegrown.query.lookups import Page, search_records
from homegrown.query.result import Result
from homegrown.query.run import run_query, stream_query
from homegrown.query.selections import Selection, delete_selection, get_selection, list_selections, save_selection
from homegrown.query.views import VIEWS

__all__ = [
    "VIEWS",
    "Abilities",
    "IndexReport",
    "Limits",
    "Page",
    "Result",
    "Selection",
    "build_indexes",
    "delete_selection",
    "get_selection",
    "list_selections",
    "run_query",
    "save_selection",
    "search_records",
    "stream_query",
    "write_stream",
]
