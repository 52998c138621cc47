"""Collect from the code every `kind` that an error can have and every `reason` that a message can get."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import email_router

PACKAGE = Path(next(iter(email_router.__path__)))
ERRORS = frozenset({"RouterError", "TryLater", "MessageRefused", "MailboxBlocked", "AnswerLost"})
UNNAMED = frozenset({"error", "try_later"})
"""What an error is called that names no kind of its own (core/errors.py)."""


INSIDE: dict[type[ast.expr], Callable[[Any], list[ast.expr]]] = {
    ast.IfExp: lambda node: [node.body, node.orelse],
    ast.BoolOp: lambda node: node.values,
    ast.Dict: lambda node: node.values,
    ast.GeneratorExp: lambda node: [node.elt],
    ast.Subscript: lambda node: [node.value],
}
"""The expressions one of which is the value of this one."""


class Module:
    """One file: follows an expression to the words that it can be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text("utf-8"))
        self._functions = {one.name: one for one in ast.walk(self.tree) if isinstance(one, ast.FunctionDef)}
        self._assigned: dict[str, list[tuple[ast.expr, int | None]]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign):
                self._assign(node.targets[0], node.value)
            elif isinstance(node, ast.AnnAssign) and node.value:
                self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        parts: list[tuple[int | None, ast.expr]] = [(None, target)]
        if isinstance(target, ast.Tuple):
            parts = list(enumerate(target.elts))
        for position, part in parts:
            if isinstance(part, ast.Name):
                self._assigned.setdefault(part.id, []).append((value, position))

    def words(self, node: ast.expr, at: int | None = None) -> Iterator[str]:
        """Yield the words that the expression can be (its element `at`, where it is a tuple); fails on one it cannot follow."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] if node.value else []
            return
        for part, position in self._inside(node, at):
            yield from self.words(part, position)

    def _inside(self, node: ast.expr, at: int | None) -> list[tuple[ast.expr, int | None]]:
        if type(node) in INSIDE:
            return [(part, at) for part in INSIDE[type(node)](node)]
        match node:
            case ast.Tuple() if at is not None:
                return [(node.elts[at], None)]
            case ast.Name(id=name) if name in self._assigned:
                return [(value, at if position is None else position) for value, position in self._assigned[name]]
            case ast.Call(func=ast.Name(id="next")):
                return [(part, at) for part in node.args]
            case ast.Call(func=ast.Attribute(value=table, attr="get")):
                return [(part, at) for part in (table, *node.args[1:])]
            case ast.Call(func=ast.Attribute(attr=name)) if name in self._functions:
                ends = [one for one in ast.walk(self._functions[name]) if isinstance(one, ast.Return)]
                return [(one.value, at) for one in ends if one.value]
        raise AssertionError(f"{self.path}, line {node.lineno}: this kind or reason cannot be followed")


def modules() -> Iterator[Module]:
    """Yield every file of the package."""
    yield from (Module(path) for path in sorted(PACKAGE.rglob("*.py")))


def kinds() -> dict[str, str]:
    """Return every kind of error with a file that raises it."""
    found = {word: module.path.name for module in modules() for word in _kinds(module) if word}
    return found | dict.fromkeys(UNNAMED, "core/errors.py")


def _kinds(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=keywords) if name in ERRORS:
                for one in keywords:
                    yield from module.words(one.value) if one.arg == "kind" else ()
            case ast.Dict(keys=keys, values=values) if {"kind", "mend"} <= {_text(key) for key in keys}:
                yield _text(values[[_text(key) for key in keys].index("kind")])


def reasons() -> set[str]:
    """Return every reason that a message can get: of verdicts, and of what is quarantined after it failed."""
    found = {word for module in modules() if "core" in module.path.parts for word in _reasons(module)}
    return found - {""}


def _reasons(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="Verdict" | "accepted" | "_entry"), args=[_, reason, *_]):
                yield _text(reason)
            case ast.Call(func=ast.Name(id="Quarantined"), keywords=keywords):
                yield from (_text(one.value) for one in keywords if one.arg == "reason")


def _text(node: ast.expr | None) -> str:
    """Return the text of a literal, nothing of any other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
