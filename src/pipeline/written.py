"""What a source file says of its functions, constants and options, read without importing it."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.sources import syntax_tree

PACKAGE = Path(__file__).parent


@cache
def functions(file: Path) -> dict[str, ast.FunctionDef]:
    """The functions of a module by their names."""
    return {node.name: node for node in syntax_tree(file).body if isinstance(node, ast.FunctionDef)}


@cache
def literal(file: Path, name: str) -> Any:
    """The literal value of a module's constant, which it may import from the package, or None."""
    for node in syntax_tree(file).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=target)])
                | ast.AnnAssign(target=ast.Name(id=target))
            ) if target == name and node.value is not None:
                try:
                    return ast.literal_eval(node.value)
                except ValueError:
                    raise PipelineError(f"{file}: {name} is not written out as a value") from None
            case ast.ImportFrom(module=str(module), names=names) if name in {
                each.asname or each.name for each in names
            }:
                source = PACKAGE.parent.joinpath(*module.split("."))
                beside = (source.with_suffix(".py"), source / "__init__.py")
                return next((literal(each, name) for each in beside if each.is_file()), None)
    return None


def _choices(file: Path, annotation: ast.expr | None) -> tuple[Any, ...] | None:
    """The values of a ``Literal[...]``, or of the constant in an ``Annotated[type, CONSTANT]``."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            found = ast.literal_eval(values)
            return found if isinstance(found, tuple) else (found,)
        case ast.Subscript(
            value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Name(id=constant)])
        ):
            return tuple(literal(file, constant) or ()) or None
    return None


def _noted(annotation: ast.expr | None) -> str:
    """The text in an ``Annotated[type, "below 0.5"]``."""
    match annotation:
        case ast.Subscript(
            value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Constant(str(text))])
        ):
            return text
    return ""


def _holds(annotation: ast.expr | None) -> str:
    """``Collection`` or ``Mapping`` where an annotation, or the first of several, is one."""
    if isinstance(annotation, ast.BinOp):
        return _holds(annotation.left)
    match annotation:
        case ast.Subscript(value=ast.Name(id=("Collection" | "Mapping") as name)):
            return name
    return ""


@dataclass(frozen=True)
class Option:
    """An option of an entry: its default, and what it may be if that is a short list.

    Attributes:
        default: Its value if none is given.
        choices: All values that it may have.
        note: Of a number, its bound, such as ``below 0.5``; of a name, the registry's kind.
        holds: ``Collection`` for a list of names, ``Mapping`` for shares by name.
    """

    default: Any
    choices: tuple[Any, ...] | None = None
    note: str = ""
    holds: str = ""


def option(file: Path, default: ast.expr, annotation: ast.expr | None) -> Option:
    """An argument or a field with a default as an option."""
    value = ast.literal_eval(default)
    return Option(value, _choices(file, annotation), _noted(annotation), _holds(annotation))


@cache
def fields_of(place: str) -> dict[str, Option]:
    """The fields of a dataclass with their defaults, as options: of ``folder/module.py:Class``."""
    name, _, wanted = place.partition(":")
    file = PACKAGE / name
    found = next(
        node
        for node in syntax_tree(file).body
        if isinstance(node, ast.ClassDef) and node.name == wanted
    )
    return {
        node.target.id: option(file, node.value, node.annotation)
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }
