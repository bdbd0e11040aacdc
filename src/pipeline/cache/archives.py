"""Archives in which predictions travel: what is in one, written and read.

An archive is a zip file whose members are stored as they are. So the same files give the same bytes
everywhere: compressed, they would depend on the version of zlib, and logits shrink by a tenth only.
A hub or Zenodo shows what is in it, and a download that was cut off is found out at once. Members:

    contents.json      the size and the SHA-256 of each other member
    README.md          what this is, for people
    study.yaml
    artifacts/…        as they lie in the folder of artifacts

Nothing that another machine wrote is trusted: a name, a size or a checksum that is not as it should
be is a PipelineError that names it.
"""

import hashlib
import json
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.cache import files, manifests, paths
from pipeline.cache.specs import STAGES
from pipeline.errors import PipelineError
from pipeline.progress import track

FORMAT = "pipeline predictions, 1"
CONTENTS, CARD, STUDY, ARTIFACTS = "contents.json", "README.md", "study.yaml", "artifacts"
# Side files of artifacts that travel, too.
SIDE_FILES = (paths.PROVENANCE, paths.HISTORY)
# More than the list of 100,000 files takes; what claims to be longer is not read.
LONGEST_CONTENTS = 10**8
CHUNK = 2**20
# The oldest time that a zip file can tell: none is told.
NO_TIME = (1980, 1, 1, 0, 0, 0)
ODD = re.compile(r"[\x00-\x1f\x7f/\\:]")

Source = Path | bytes


@dataclass(frozen=True)
class Contents:
    """What an archive holds.

    Attributes:
        study: The name of the study whose predictions these are.
        files: The size in bytes and the SHA-256 of each member, by its name.
        plugins: The SHA-256 of each file of code that the study's plugins consist of, by its path.
        init: The SHA-256 of each file of weights that networks began with, by its path.
    """

    study: str
    files: Mapping[str, tuple[int, str]]
    plugins: Mapping[str, str] = field(default_factory=dict)
    init: Mapping[str, str] = field(default_factory=dict)

    @property
    def folders(self) -> dict[str, list[str]]:
        """The names of each artifact's files, by its folder within the folder of artifacts."""
        found: dict[str, list[str]] = {}
        for name in self.files:
            path = PurePosixPath(name)
            if path.parts[0] == ARTIFACTS:
                found.setdefault(str(path.relative_to(ARTIFACTS).parent), []).append(path.name)
        return found


def write(target: Path, members: Mapping[str, Source], contents: Callable[..., Contents]) -> str:
    """Write an archive of members, which are files or bytes; gives its SHA-256.

    Args:
        target: The archive's file.
        members: What to put where.
        contents: Makes the contents from the sizes and checksums of the members.

    Raises:
        PipelineError: a file changed while it was packed.
    """
    sources = track(sorted(members.items()), "files measured", len(members))
    listed = {name: _measured(source) for name, source in sources}
    text = json.dumps({"format": FORMAT, **asdict(contents(files=listed))}, indent=1) + "\n"
    with files.atomic(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _add(archive, CONTENTS, text.encode(), None)
        for name, wanted in track(listed.items(), "files packed", len(listed)):
            _add(archive, name, members[name], wanted)
    return files.sha256(target)


def _measured(source: Source) -> tuple[int, str]:
    if isinstance(source, bytes):
        return len(source), hashlib.sha256(source).hexdigest()
    return source.stat().st_size, files.sha256(source)


def _add(
    archive: zipfile.ZipFile, name: str, source: Source, wanted: tuple[int, str] | None
) -> None:
    info = zipfile.ZipInfo(name, NO_TIME)
    info.create_system = 3  # Unix: else the bytes would depend on the machine
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.file_size = wanted[0] if wanted else len(source)  # type: ignore[arg-type]
    with archive.open(info, "w") as member:
        if isinstance(source, bytes):
            member.write(source)
            return
        with source.open("rb") as file:
            if _copied(file, member.write) != wanted:
                raise PipelineError(f"{source} changed while it was packed; pack it again")


def _copied(file: Any, write: Callable[[bytes], Any]) -> tuple[int, str]:
    """Copy a file; gives its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        write(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


class Archive:
    """An archive whose list of members is as it should be; what is in them is still to be seen.

    Attributes:
        contents: What it says that it holds.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """Raise PipelineError where something is wrong with the list."""
        self.path = path
        self._archive = archive
        infos = archive.infolist()
        for info in infos:
            self._check_kind(info)
        names = Counter(info.orig_filename for info in infos)
        if twice := [name for name, count in names.items() if count > 1]:
            raise PipelineError(f"{path} holds {twice[0]} twice")
        if CONTENTS not in names or archive.getinfo(CONTENTS).file_size > LONGEST_CONTENTS:
            raise PipelineError(f"{path} is no archive of predictions: it has no {CONTENTS}")
        self.contents = self._read_contents()
        self._compare(infos)

    def _check_kind(self, info: zipfile.ZipInfo) -> None:
        name, mode = info.orig_filename, info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.is_dir():
            raise PipelineError(f"{self.path}: {name!r} is not a plain file")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise PipelineError(f"{self.path}: {name!r} is compressed or encrypted")
        if name != CONTENTS and (wrong := what_is_wrong_with(name)):
            raise PipelineError(f"{self.path}: {name!r} {wrong}")

    def _read_contents(self) -> Contents:
        try:
            content = json.loads(self._archive.read(CONTENTS))
            if content.pop("format") != FORMAT:
                raise PipelineError(f"{self.path}: another version of the pipeline packed it")
            listed = {name: (int(size), str(sha)) for name, (size, sha) in content["files"].items()}
            found = Contents(**{**content, "files": listed})
            tables = (found.plugins, found.init)
            texts = [
                found.study,
                *(text for table in tables for row in table.items() for text in row),
            ]
            if not all(isinstance(text, str) for text in texts) or not is_one_name(found.study):
                raise TypeError(texts)
        except PipelineError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise PipelineError(f"{self.path}: {CONTENTS} is not what was packed") from None
        return found

    def _compare(self, infos: list[zipfile.ZipInfo]) -> None:
        """See that the archive holds the files that its contents list, and no other."""
        sizes = {info.filename: info.file_size for info in infos if info.filename != CONTENTS}
        listed = self.contents.files
        for name in sorted({CARD, STUDY, *listed} - set(sizes)):
            raise PipelineError(f"{self.path} lacks {name}")
        for name in sorted(set(sizes) - set(listed)):
            raise PipelineError(f"{self.path}: {name} is not among its {CONTENTS}")
        for name, (size, _) in listed.items():
            if sizes[name] != size:
                raise PipelineError(f"{self.path}: {name} has {sizes[name]} bytes, not {size}")
        if sum(sizes.values()) > self.path.stat().st_size:
            raise PipelineError(f"{self.path}: its files are longer than itself")

    def extract(self, folder: Path) -> None:
        """Write all members into an empty folder, each compared with its checksum.

        Raises:
            PipelineError: a member is not what was packed.
        """
        listed = self.contents.files
        for name, wanted in track(listed.items(), "files unpacked", len(listed)):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._archive.open(name) as member, target.open("xb") as file:
                if _copied(member, file.write) != wanted:
                    raise PipelineError(f"{self.path}: {name} is not the file that was packed")


def what_is_wrong_with(name: str) -> str | None:
    """Why a member's name is none that an archive may have; None if it may."""
    if name in (CARD, STUDY):
        return None
    parts = name.split("/")
    if name.startswith("/") or not all(map(is_one_name, parts)):
        return "is a path that leaves the folder, or is none"
    *place, folder, file = parts[1:] if len(parts) > 3 else ("", "")
    stage = folder.partition("~")[0]
    if parts[0] != ARTIFACTS or not manifests.FOLDER.fullmatch(folder):
        return "is no file of an artifact"
    known = (*paths.outputs(stage), paths.ANCESTOR, *SIDE_FILES)
    if any("~" in part for part in place) or place[0] == "studies" or file not in known:
        return "is no file of an artifact"
    return None


def is_one_name(part: str) -> bool:
    """Whether a text names something within a folder, on every system."""
    return part not in ("", ".", "..") and not ODD.search(part)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """An archive to read.

    Raises:
        PipelineError: it is none, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(path, archive)
    except PipelineError:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise PipelineError(f"{path} is damaged or no archive of predictions: {reason}") from None


def check_artifacts(folder: Path, contents: Contents) -> None:
    """See that artifacts which lie in a folder are those that their names say.

    Raises:
        PipelineError: a manifest is missing, or is of another artifact or of other files.
    """
    for name, held in contents.folders.items():
        stage, _, fingerprint = PurePosixPath(name).name.partition("~")
        listed = {file: contents.files[f"{ARTIFACTS}/{name}/{file}"][1] for file in held}
        payload = {file: listed[file] for file in STAGES[stage].payload if file in listed}
        known = [file for file in (paths.MANIFEST, paths.ANCESTOR) if file in listed]
        if len(known) != 1:
            raise PipelineError(f"{name} has {len(known)} manifests, not one")
        try:
            manifest = manifests.read_manifest(folder / name, known[0])
        except PipelineError:
            raise PipelineError(f"{name}: its {known[0]} is no manifest") from None
        if manifest.fingerprint != fingerprint or manifest.spec.get("stage") != stage:
            raise PipelineError(f"{name}: its manifest is of another artifact")
        if payload != (manifest.files if known[0] == paths.MANIFEST else {}):
            raise PipelineError(f"{name}: its manifest is of other files")
