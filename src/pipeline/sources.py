"""Sources of code, each read once per process: what is digested is what runs.

A job digests all code that it may run when it starts, and imports it up to some seconds later. Both
take a file's source from here, so an edit in between, or byte code that is older than its source,
changes nothing: the job runs the code that it was planned with. A module that is loaded stays what
it is, however long the job takes and whatever becomes of its file.
"""

import ast
import importlib.util
import marshal
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from pipeline.errors import PipelineError

_FLAGS = 0b11  # PEP 552: the byte code is valid for a source with this hash, which is to be checked


@cache
def read(file: Path) -> bytes:
    """The content of a file of code, as it was when this process first asked for it."""
    return file.read_bytes()


@cache
def syntax_tree(file: Path) -> ast.Module:
    """The parsed source of a file; a file that does not parse is a PipelineError that names it."""
    try:
        return ast.parse(read(file), filename=str(file))
    except SyntaxError as error:
        raise PipelineError(
            f"{file}: line {error.lineno} is not valid Python: {error.msg}"
        ) from None


class Loader(SourceFileLoader):
    """Runs the source that :func:`read` returns, with byte code only of exactly this source."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of a module, from the cache of byte code if it is there for this source."""
        source = read(Path(self.path))
        header = importlib.util.MAGIC_NUMBER + _FLAGS.to_bytes(4, "little")
        header += importlib.util.source_hash(source)
        cached = importlib.util.cache_from_source(self.path)
        try:
            content = Path(cached).read_bytes()
            if content.startswith(header):
                code = marshal.loads(memoryview(content)[len(header) :])
                assert isinstance(code, CodeType)
                return code
        except (OSError, EOFError, ValueError, TypeError, AssertionError):
            pass  # There is none, or it is damaged.
        code = self.source_to_code(source, self.path)
        self.set_data(cached, header + marshal.dumps(code))
        return code
