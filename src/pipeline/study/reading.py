"""Reading: a study as a file, a mapping or Snakemake's command line gives it."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import PipelineError

# Keys that were called otherwise once; the old name goes on working.
RENAMED = {"resrep": "prune"}

# What YAML 1.2 reads as a number, and YAML 1.1, which wants a point and a sign, as text.
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)
# As `os.path.expandvars` knows them.
VARIABLE = re.compile(r"\$\w+|\$\{\w+\}", re.ASCII)


class _Loader(yaml.SafeLoader):
    """YAML without a key that is given twice, of which YAML's own rules keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise PipelineError(f"line {line}: the key {key.value!r} is given twice")
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(path: Path) -> dict[str, Any]:
    """The keys and values of a study file.

    Raises:
        PipelineError: the file cannot be read, or holds no study; one line says which.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PipelineError(f"{path} is not text in UTF-8") from None
    except PipelineError as error:
        raise PipelineError(f"{path}, {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = f", line {mark.line + 1}" if (mark := getattr(error, "problem_mark", None)) else ""
        raise PipelineError(f"{path}{where} is not valid YAML") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{path} does not hold a study: expected `key: value` lines")
    return content


def configured(
    config: Mapping[str, Any], files: Iterable[Path], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Snakemake's configuration, as if all of it stood in a file.

    Snakemake takes the last of keys that a file gives twice, and for text whatever stands inside
    of brackets on the command line, such as the numbers of ``--config 'sparsities=[0.5, 0.7]'``.

    Args:
        config: What Snakemake makes of both.
        files: The configuration files.
        given: What Snakemake reads from the command line.

    Raises:
        PipelineError: a file gives a key twice.
    """
    for file in files:
        # Snakemake also takes JSON, which may be indented by tabs and so be no YAML.
        if file.suffix != ".json":
            read(file)
    # What stands outside of brackets, Snakemake has read already.
    nested = {key: each for key, each in given.items() if isinstance(each, dict | list)}
    return {**config, **_updated(config, nested)}


def _updated(value: Any, given: Any) -> Any:
    """A part of the configuration with what the command line gives of it, read as in a file."""
    if isinstance(value, Mapping) and isinstance(given, dict):
        return {**value, **{key: _updated(value.get(key), each) for key, each in given.items()}}
    return _as_in_a_file(given)


def _as_in_a_file(given: Any) -> Any:
    match given:
        case dict():
            return {key: _as_in_a_file(each) for key, each in given.items()}
        case list():
            return [_as_in_a_file(each) for each in given]
        case str():
            loader: Any = yaml.SafeLoader("")
            tag = loader.resolve(yaml.ScalarNode, given, (True, False))
            return loader.construct_object(yaml.ScalarNode(tag, given))
    return given


def with_new_names(content: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A study's content without old names of keys, and a line to tell for each of them.

    Raises:
        PipelineError: a key is given by both names.
    """
    notes = []
    for old, new in RENAMED.items():
        if old in content:
            if new in content:
                raise PipelineError(f"{new} and {old} are the same key; keep `{new}:`")
            notes.append(f"the key `{old}:` is called `{new}:` now; the old name goes on working")
    return {RENAMED.get(key, key): value for key, value in content.items()}, tuple(notes)


def number_of(value: Any) -> Any:
    """A value, or the number that it is a text of: PyYAML takes ``5e-2`` for text, YAML 1.2 not."""
    return float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value


def expanded(where: str, given: str) -> str:
    """A path with ``~`` and ``$HOME`` or other variables replaced, as a shell would.

    Raises:
        PipelineError: it is empty, or names a user or a variable that is not known.
    """
    if not given.strip():
        raise PipelineError(f"{where}: is empty; name a path, or leave the key out")
    for name in VARIABLE.findall(given):
        if name.strip("${}") not in os.environ:
            raise PipelineError(f"{where}: {given}: the variable {name} is not set")
    path = os.path.expanduser(os.path.expandvars(given))
    if path.startswith("~"):
        raise PipelineError(f"{where}: {given}: there is no user of this name")
    return path
