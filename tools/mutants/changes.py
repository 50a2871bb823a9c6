"""The changes to a module's text that a test should notice."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

OPERATORS: Final[dict[type[ast.AST], tuple[str, tuple[str, ...]]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: (r"is\s+not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
    ast.And: ("and", ("or",)),
    ast.Or: ("or", ("and",)),
    ast.Add: (r"\+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: (r"\*", ("/",)),
    ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("*",)),
    ast.Mod: ("%", ("*",)),
    ast.Pow: (r"\*\*", ("*",)),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
    ast.BitAnd: ("&", ("|",)),
    ast.BitOr: (r"\|", ("&",)),
    ast.BitXor: (r"\^", ("&",)),
}
"""How an operator stands in the text, and what takes its place."""

UNTOLD_CALLS: Final = ("TypeVar", "NewType", "logging.getLogger", "logger.", "cast")
"""Calls whose arguments no test should repeat."""


class Change(NamedTuple):
    """Replace the bytes from ``start`` to ``end`` by ``text``, in a function of the module."""

    start: int
    end: int
    text: str
    function: str

    def apply(self, source: bytes) -> bytes:
        """Return the changed source."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def changes(source: bytes) -> list[Change]:
    """Return all changes of a module, in the order of its text."""
    return sorted(set(_Finder(source).module()))


class _Finder:
    """Walks the syntax tree; positions in it are lines, and bytes within a line."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._scope: tuple[str, ...] = ()

    def module(self) -> Iterator[Change]:
        for statement in ast.parse(self._source).body:
            yield from self._changes(statement)

    def _span(self, node: ast.AST) -> tuple[int, int]:
        start = self._starts[getattr(node, "lineno") - 1] + getattr(node, "col_offset")  # noqa: B009
        end = self._starts[getattr(node, "end_lineno") - 1] + getattr(node, "end_col_offset")  # noqa: B009
        return start, end

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()

    def _replace(self, node: ast.AST, text: str) -> Change:
        return Change(*self._span(node), text, ".".join(self._scope))

    def _changes(self, node: ast.AST) -> Iterator[Change]:
        yield from self._own(node)
        outer = self._scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._scope = (*outer, node.name)
        for child in self._children(node):
            yield from self._changes(child)
        self._scope = outer

    def _children(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the parts of a node that decide what the code does."""
        if isinstance(node, (ast.JoinedStr, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)):
            return  # Texts, and what documents a check.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # A docstring.
        if isinstance(node, ast.Call) and self._text(node.func).startswith(UNTOLD_CALLS):
            return
        if isinstance(node, ast.If) and self._text(node.test) in {
            "TYPE_CHECKING",
            '__name__ == "__main__"',
        }:
            return
        skipped = {"annotation", "returns", "decorator_list", "type_params"}
        if isinstance(node, ast.ClassDef):
            skipped |= {"bases", "keywords"}
        for field, value in ast.iter_fields(node):
            if field in skipped:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield child

    def _own(self, node: ast.AST) -> Iterator[Change]:  # noqa: C901, PLR0912
        match node:
            case ast.Compare():
                operands = [node.left, *node.comparators]
                for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
                    yield from self._operator(left, operator, right)
            case ast.BoolOp():
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from self._operator(left, node.op, right)
            case ast.BinOp() if not any(_is_text(side) for side in (node.left, node.right)):
                yield from self._operator(node.left, node.op, node.right)
            case ast.AugAssign():
                yield from self._operator(node.target, node.op, node.value)
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                yield self._replace(node, f"({self._text(node.operand)})")
            case ast.If():
                yield self._replace(node.test, "False")
                yield from self._negation(node.test)
            case ast.IfExp():
                yield from self._negation(node.test)
            case ast.comprehension():
                yield from (self._replace(test, "True") for test in node.ifs)
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield self._replace(value, "None")
            case ast.Raise() | ast.Expr(value=ast.Call()):
                yield self._replace(node, "pass")
            case ast.Continue():
                yield self._replace(node, "break")
            case ast.Break():
                yield self._replace(node, "continue")
            case ast.Constant():
                yield from self._constant(node)
            case ast.Call() if not self._text(node.func).startswith(UNTOLD_CALLS):
                yield from self._keywords(node)
            case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set():
                yield from self._elements(node.elts)

    def _operator(self, left: ast.AST, operator: ast.AST, right: ast.AST) -> Iterator[Change]:
        pattern, others = OPERATORS.get(type(operator), ("", ()))
        start, end = self._span(left)[1], self._span(right)[0]
        found = re.search(pattern, self._source[start:end].decode())
        for other in others if found else ():
            assert found
            place = start + found.start(), start + found.end()
            yield Change(*place, other, ".".join(self._scope))

    def _negation(self, test: ast.expr) -> Iterator[Change]:
        """A comparison has its own opposite."""
        is_compared = isinstance(test, (ast.Compare, ast.UnaryOp, ast.Constant))
        if not is_compared:
            yield self._replace(test, f"not ({self._text(test)})")

    def _constant(self, node: ast.Constant) -> Iterator[Change]:
        match node.value:
            case bool():
                yield self._replace(node, str(not node.value))
            case int() | float():
                yield self._replace(node, f"({self._text(node)} + 1)")
            case str() if node.value:
                yield self._replace(node, f'"XX" {self._text(node)}')
            case bytes() if node.value:
                yield self._replace(node, f'b"XX" {self._text(node)}')

    def _keywords(self, call: ast.Call) -> Iterator[Change]:
        """Leave out one named argument, and the comma beside it."""
        arguments = sorted([*call.args, *call.keywords], key=self._span)
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield self._without(arguments, arguments.index(keyword))

    def _elements(self, elements: list[ast.expr]) -> Iterator[Change]:
        """Leave out one of several values; a pair that is taken apart stays a pair."""
        plain = (ast.Constant, ast.Name, ast.Attribute)
        if len(elements) > 1 and all(isinstance(element, plain) for element in elements):
            for index, element in enumerate(elements):
                if isinstance(element, (ast.Constant, ast.Attribute)):
                    yield self._without(elements, index, least=2)

    def _without(self, parts: Sequence[ast.AST], index: int, least: int = 0) -> Change:
        start, end = self._span(parts[index])
        text = ""
        if index + 1 < len(parts):
            end = self._span(parts[index + 1])[0]
        elif index > 0 and len(parts) > least:
            start = self._span(parts[index - 1])[1]
        elif index > 0:
            start, text = self._span(parts[index - 1])[1], ","
        return Change(start, end, text, ".".join(self._scope))


def _is_text(node: ast.AST) -> bool:
    is_constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_constant or isinstance(node, ast.JoinedStr)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
