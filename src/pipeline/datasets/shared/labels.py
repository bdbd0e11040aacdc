"""Images that all lie in one folder, with a file that says which class each is of."""

import os
import re
from collections import Counter
from pathlib import Path

from pipeline.datasets.shared.folders import Listed, images
from pipeline.errors import PipelineError

META = "meta.mat"


def list_flat(
    file: Path, root: Path, part: str, classes: list[str], left_out: Counter[str]
) -> list[Listed]:
    """The images of a folder, sorted by name, with their labels from a file.

    The file has one line for each image: ``NAME CLASS``, or with a comma as in the table of the
    Kaggle challenge; or the class alone, in the order of the images' names; or, as in ImageNet's
    development kit, numbers whose meaning is in the `meta.mat` beside it.

    Raises:
        PipelineError: a line cannot be understood, an image has no class, or a class no image.
    """
    try:
        found = sorted(images(root, part, left_out))
        lines = [words for line in file.read_text().splitlines() if (words := _words(line))]
    except OSError as error:
        raise PipelineError(f"{error.filename or file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PipelineError(f"{file} is not a text") from None
    if not found:
        raise PipelineError(f"{root / part} holds no images")
    if lines and lines[0][1:2] == ["PredictionString"]:
        del lines[0]
    names = [os.path.basename(os.fsdecode(name)) for name, _ in found]
    if all(len(words) == 1 for words in lines):
        if len(lines) != len(names):
            raise PipelineError(f"{file} has {len(lines)} lines for {len(names)} images")
        given = dict(zip(names, _synsets(file, [words[0] for words in lines]), strict=True))
    else:
        given = {os.path.splitext(words[0])[0]: words[1] for words in lines if len(words) > 1}
        given |= {
            name: given[stem] for name in names if (stem := os.path.splitext(name)[0]) in given
        }
    label = {name: number for number, name in enumerate(classes)}
    listed = []
    for name, (path, size) in zip(names, found, strict=True):
        if name not in given:
            raise PipelineError(f"{file} says no class of {name}")
        if given[name] not in label:
            raise PipelineError(
                f"{file}: {given[name]!r}, the class of {name}, is none of the training set's, "
                f"such as {classes[0]}"
            )
        listed.append(Listed(path, size, label[given[name]]))
    if lacking := sorted(set(range(len(classes))) - {each.label for each in listed}):
        raise PipelineError(f"{file}: no image is of class {classes[lacking[0]]}")
    return listed


def _words(line: str) -> list[str]:
    return re.split(r"[\s,]+", line.strip()) if line.strip() else []


def _synsets(file: Path, given: list[str]) -> list[str]:
    """The names of classes, from themselves or from the development kit's numbers."""
    if not all(name.isdecimal() for name in given):
        return given
    meta = file.with_name(META)
    if not meta.is_file():
        raise PipelineError(
            f"{file} has numbers, and {meta}, which says what they mean, is missing"
        )
    from scipy.io import loadmat

    synsets = loadmat(meta, squeeze_me=True)["synsets"]
    names = {str(each["ILSVRC2012_ID"]): str(each["WNID"]) for each in synsets}
    return [names.get(number, number) for number in given]
