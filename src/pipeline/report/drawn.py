"""What says that a study is drawn: a marker, written last, with the digest of each file."""

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.cache import files
from pipeline.errors import PipelineError


def sign(marker: Path, drawn: Iterable[Path]) -> None:
    """Write the marker of files that lie in its folder."""
    digests = {str(file.relative_to(marker.parent)): files.sha256(file) for file in drawn}
    files.write_json(marker, digests)


def check(marker: Path) -> list[Path]:
    """The files that were drawn.

    Raises:
        PipelineError: there is no marker, or a file is not what was drawn.
    """
    try:
        digests = json.loads(marker.read_bytes())
        found = {marker.parent / name: str(digest) for name, digest in digests.items()}
    except FileNotFoundError:
        raise PipelineError(f"{marker.parent} is not drawn as the study stands") from None
    except (ValueError, AttributeError):
        raise PipelineError(
            f"{marker} does not say what was drawn; delete it and run snakemake again"
        ) from None
    for file, digest in found.items():
        if not file.is_file() or files.sha256(file) != digest:
            raise PipelineError(
                f"{file} is not what was drawn; delete {marker} and run snakemake again"
            )
    return list(found)
