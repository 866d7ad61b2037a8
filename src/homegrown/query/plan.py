"""What a query mentions, read from DuckDB's own syntax tree (JSON), and the rewriting of its search functions.

``search('…')`` as a condition and ``search('…', k)``, ``nearest('…', k)`` as tables take literals, so that they can
be answered by the index before DuckDB runs: the tree then names Arrow tables that hold the answers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homegrown.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE_FUNCTIONS = ("search", "nearest")
VALUE_FUNCTIONS = ("predict", "predict_prob", "embed", "similarity")


@dataclass(frozen=True, slots=True)
class Lookup:
    """One search to answer before the query runs.

    Attributes:
        kind: ``search`` (words) or ``nearest`` (meaning).
        limit: how many of the best; None for all that match.
        table: the name under which the query now finds the rows.
    """

    kind: str
    text: str
    limit: int | None
    table: str


@dataclass(slots=True)
class Plan:
    """A query, taken apart.

    Attributes:
        tree: the syntax tree, with searches replaced.
        tables: names of tables that it reads, lower case, without its own common table expressions.
        functions: names of functions that it calls, lower case.
        lookups: searches to answer first.
    """

    tree: dict[str, Any]
    tables: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    lookups: list[Lookup] = field(default_factory=list)


def make_plan(tree: dict[str, Any], prefix: str = "") -> Plan:
    """Read and rewrite *tree*; *prefix* keeps the names of a nested selection's searches apart.

    Raises:
        QueryError: a search function was given something other than literals.
    """
    plan = Plan(copy.deepcopy(tree))
    for node in list(_nodes(plan.tree)):
        if node.get("type") == "TABLE_FUNCTION":
            _as_table(node, plan, prefix)
        elif node.get("type") == "SELECT_NODE":
            _as_source(node, plan, prefix)
    for node in list(_nodes(plan.tree)):
        if node.get("type") == "FUNCTION" and node.get("function_name", "").lower() == "search":
            _as_condition(node, plan, prefix)
    own = {entry["key"].lower() for node in _nodes(plan.tree) for entry in _ctes(node)}
    for node in _nodes(plan.tree):
        if node.get("type") == "BASE_TABLE" and not node.get("schema_name"):
            plan.tables.add(node["table_name"].lower())
        if "function_name" in node:
            plan.functions.add(node["function_name"].lower())
    plan.tables -= own | {lookup.table for lookup in plan.lookups}
    return plan


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    return list(found.get("map", ())) if isinstance(found, dict) else []


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _as_table(node: dict[str, Any], plan: Plan, prefix: str) -> None:
    call = node["function"]
    name = call.get("function_name", "").lower()
    if name in TABLE_FUNCTIONS:
        alias = node.get("alias") or name
        lookup = _lookup(name, _literals(call, name), plan, prefix)
        node.clear()
        node.update(_base_table(lookup.table, alias))


def _as_source(node: dict[str, Any], plan: Plan, prefix: str) -> None:
    """``from records where search('…') and …`` reads the found records only, not all of them."""
    source, where = node.get("from_table") or {}, node.get("where_clause") or {}
    if source.get("type") != "BASE_TABLE" or source.get("table_name", "").lower() != "records":
        return
    for part in where.get("children", []) if where.get("type") == "CONJUNCTION_AND" else [where]:
        if part.get("function_name", "").lower() == "search" and len(part.get("arguments", ())) == 1:
            lookup = _lookup("search", _literals(part, "search"), plan, prefix)
            node["from_table"] = _base_table(lookup.table, source.get("alias") or "records")
            part.clear()
            part.update(_TRUE)
            return


def _as_condition(call: dict[str, Any], plan: Plan, prefix: str) -> None:
    """Anywhere else, ``search('…')`` asks whether ``record_id`` (or a second argument) was found."""
    key = call["arguments"].pop()["expression"] if len(call.get("arguments", ())) == 2 else None
    if key is not None and key.get("type") == "VALUE_CONSTANT":
        raise QueryError(
            "search('words', k) is a table: write select … from search('words', k); "
            "as a condition write where search('words')."
        )
    lookup = _lookup("search", _literals(call, "search"), plan, prefix)
    call["function_name"] = f"_is_in{lookup.table}"
    call["qualified_name"] = {"path": [call["function_name"]]}
    column = key or {**_CONSTANT, "class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": ["record_id"]}
    call["arguments"] = [{"name": "", "expression": column}]


def _lookup(kind: str, arguments: list[Any], plan: Plan, prefix: str) -> Lookup:
    limit = None if len(arguments) < 2 else arguments[1]
    if not arguments or not isinstance(arguments[0], str) or not (limit is None or isinstance(limit, int)):
        raise QueryError(f"{kind} takes the words in quotes and, as a table, a number: {kind}('money back', 20).")
    lookup = Lookup(kind, arguments[0], limit, f"_{prefix}lookup_{len(plan.lookups)}")
    plan.lookups.append(lookup)
    return lookup


def _literals(call: dict[str, Any], name: str) -> list[Any]:
    found: list[Any] = []
    for argument in call.get("arguments", ()):
        literal = argument["expression"].get("literal")
        if not literal or literal.get("kind") not in ("STRING", "INTEGER"):
            raise QueryError(
                f"{name}() takes a text in quotes, not a column or an expression: {name}('money back'). "
                "It is answered by the index before the query runs."
            )
        found.append(int(literal["text"]) if literal["kind"] == "INTEGER" else literal["text"])
    return found


_CONSTANT = {
    "class": "CONSTANT",
    "type": "VALUE_CONSTANT",
    "alias": "",
    "query_location": 0,
    "query_location_length": 0,
}
_TRUE = {
    **_CONSTANT,
    "class": "COMPARISON",
    "type": "COMPARE_EQUAL",
    "left": {**_CONSTANT, "literal": {"kind": "INTEGER", "text": "1"}},
    "right": {**_CONSTANT, "literal": {"kind": "INTEGER", "text": "1"}},
}


def _base_table(name: str, alias: str) -> dict[str, Any]:
    return {
        "type": "BASE_TABLE",
        "alias": alias,
        "sample": None,
        "query_location": 0,
        "query_location_length": 0,
        "schema_name": "",
        "table_name": name,
        "column_name_alias": [],
        "catalog_name": "",
        "at_clause": None,
        "qualified_name": {"path": [name]},
    }
