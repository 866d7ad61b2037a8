"""Rules as code: a function of a notebook, or the functions of a file, as source text that another process can run.

No object travels to that process: what a function needs of its surroundings is written out as source, too. So the text,
and its digest with it, changes when a word list beside the rule changes, and the rule is run again.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import symtable
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from homegrown.core.ids import digest
from homegrown.core.rules import ABSTAIN
from homegrown.engine.functions_frames import Program
from homegrown.errors import InputError

MAX_SOURCE = 1 << 20


@dataclass(frozen=True, slots=True)
class CodeRule:
    """A rule as code.

    Attributes:
        program: what is run.
        digest: of all source that the rule depends on.
        shown: the rule's own source, for people.
    """

    program: Program
    digest: str
    shown: str

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.program.name

    @property
    def config(self) -> dict[str, Any]:
        """The rule as the configuration of a label source."""
        return {"code": {"digest": self.digest, "source": self.shown[:20_000]}}


def rule_of_function(function: Callable[..., Any]) -> CodeRule:
    """A function of one record, as a notebook or a script defines it.

    Modules, functions, patterns and plain values that it uses are written out before it.

    Raises:
        InputError: it is no function of one record, its source cannot be read, or it uses what cannot be written out.

    Example:
        >>> rule_of_function(print)
        Traceback (most recent call last):
        homegrown.errors.InputError: A rule is a function of one record, written with def: def asks_refund(record): …
    """
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>" or not _takes_one(function):
        raise InputError("A rule is a function of one record, written with def: def asks_refund(record): …")
    written = _Written(function.__name__)
    written.function(function.__name__, function)
    source = "\n\n".join(written.parts.values())
    if len(source) > MAX_SOURCE:
        raise InputError(f"The rule {function.__name__!r} and what it uses are longer than 1 MiB as source.")
    name = function.__name__
    return CodeRule(Program(name, source, name), _digest(source), written.parts[name])


def rules_of_file(path: Path) -> list[CodeRule]:
    """Every function of a Python file that takes one argument and whose name does not begin with ``_``.

    Nothing of the file runs here.

    Raises:
        InputError: it cannot be read, or holds no rule.
    """
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as text in UTF-8.") from error
    except (SyntaxError, ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise InputError(f"{path.name}{where} is no Python: {getattr(error, 'msg', error)}.") from error
    rules = [n for n in tree.body if isinstance(n, ast.FunctionDef) and _is_rule(n)]
    if not rules:
        raise InputError(f"{path.name} holds no rule: a function of one record, such as def asks_refund(record): …")
    return [
        CodeRule(Program(n.name, source, n.name), _digest(_needed(tree, n)), ast.get_source_segment(source, n) or "")
        for n in rules
    ]


def _digest(source: str) -> str:
    return digest(source.encode("utf-8", "surrogatepass"))


def _is_rule(node: ast.FunctionDef) -> bool:
    a = node.args
    n_needed = len(a.posonlyargs) + len(a.args) - len(a.defaults)
    return not node.name.startswith("_") and n_needed == 1 and not any(d is None for d in a.kw_defaults)


def _takes_one(function: FunctionType) -> bool:
    given = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    return len([p for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]) == 1


def _needed(tree: ast.Module, rule: ast.FunctionDef) -> str:
    """What a rule depends on: itself, what it names, and statements that name nothing of their own."""
    defines: dict[str, list[ast.stmt]] = {}
    always: list[ast.stmt] = []
    for node in tree.body:
        names = _defined(node)
        for name in names:
            defines.setdefault(name, []).append(node)
        if not names:
            always.append(node)
    taken: dict[int, ast.stmt] = {}
    waiting: list[ast.stmt] = [rule, *always]
    while waiting:
        node = waiting.pop()
        if id(node) not in taken:
            taken[id(node)] = node
            waiting += [other for name in _used(node) for other in defines.get(name, ())]
    return "\n".join(ast.unparse(n) for n in tree.body if id(n) in taken)


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name).partition(".")[0] for a in node.names}
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return {"__doc__"}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _used(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _free(node: ast.stmt) -> set[str]:
    """Names that a definition takes from around it: no variables, arguments or attributes of its own."""
    waiting, found = [symtable.symtable(ast.unparse(node), "rule", "exec")], set()
    while waiting:
        table = waiting.pop()
        found |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and _is_outer(table, s)}
        waiting += table.get_children()
    return found


def _is_outer(table: symtable.SymbolTable, symbol: symtable.Symbol) -> bool:
    return symbol.is_global() if table.get_type() == "function" else not symbol.is_assigned()


class _Written:
    """Source of a function and of all that it uses, by name, each after what it needs."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._open: set[str] = set()
        self.parts: dict[str, str] = {}

    def function(self, name: str, function: FunctionType) -> None:
        tree = self._tree(function)
        node = tree.body[0] if tree.body else None
        if not isinstance(node, ast.FunctionDef):
            raise self._cannot(name, "it is not written with def")
        node.decorator_list = [d for d in node.decorator_list if "rule" not in _names_in(d)]
        closed = inspect.getclosurevars(function)
        known = {**function.__globals__, **closed.nonlocals}
        self._open.add(name)
        for used in sorted(_free(node) - {name}):
            if used in known and used not in self.parts and used not in self._open:
                self._value(used, known[used])
        node.name = name
        self.parts[name] = ast.unparse(node)

    def _tree(self, function: FunctionType) -> ast.Module:
        try:
            return ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, TypeError, SyntaxError) as error:
            raise InputError(
                f"The source of the rule {self._rule!r} cannot be read here. Write it in a notebook or in a file."
            ) from error

    def _value(self, name: str, value: Any) -> None:
        if hasattr(builtins, name) and getattr(builtins, name) is value:
            return
        if isinstance(value, FunctionType) and not _is_installed(value):
            self.function(name, value)
        elif isinstance(value, ModuleType):
            self.parts[name] = f"import {value.__name__} as {name}"
        elif value is ABSTAIN:
            self.parts[name] = f"from homegrown import ABSTAIN as {name}"
        elif isinstance(value, re.Pattern):
            self.parts[name] = f"import re\n{name} = re.compile({value.pattern!r}, {value.flags})"
        elif _is_importable(value):
            self.parts[name] = f"from {value.__module__} import {value.__qualname__} as {name}"
        else:
            self.parts[name] = f"{name} = {self._literal(name, value)}"

    def _literal(self, name: str, value: Any) -> str:
        """Plain data as source; sets in order, so that the same set is always the same text."""
        if isinstance(value, set | frozenset):
            kind = type(value).__name__
            return f"{kind}([{', '.join(sorted(self._literal(name, v) for v in value))}])"
        if type(value) in (list, tuple):
            parts = "".join(self._literal(name, v) + ", " for v in value)
            return f"[{parts}]" if type(value) is list else f"({parts})"
        if type(value) is dict:
            pairs = (f"{self._literal(name, k)}: {self._literal(name, v)}" for k, v in value.items())
            return "{" + ", ".join(pairs) + "}"
        if value is None or type(value) in (str, bytes, bool, int, float, complex):
            return repr(value) if value == value and str(value) not in ("inf", "-inf") else f"float({str(value)!r})"
        raise self._cannot(name, f"it is a {type(value).__name__}")

    def _cannot(self, name: str, why: str) -> InputError:
        return InputError(
            f"The rule {self._rule!r} uses {name!r}, which cannot be taken to the process that runs rules: {why}. "
            "Make it inside the rule, or write the rules in a file."
        )


def _names_in(node: ast.AST) -> set[str]:
    found = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return found | {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _is_installed(value: Any) -> bool:
    """It comes from an installed package, not from the notebook or script that the rule stands in."""
    try:
        path = inspect.getsourcefile(value) or ""
    except TypeError:
        return True
    return "site-packages" in path or path.startswith(str(Path(inspect.__file__).parent))


def _is_importable(value: Any) -> bool:
    """A class or function that its module offers under its own name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if not isinstance(value, type | FunctionType) and not inspect.isbuiltin(value):
        return False
    return bool(module) and module != "__main__" and name.isidentifier() and _is_installed(value)
