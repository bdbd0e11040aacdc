"""Test sets: one module each, whose `shifted` gives a data set other test images.

    test_sets: [{name: corruption, kind: gaussian_noise, severity: 3}]

names `corruption`. The networks stay those of the data set, the images come in another form: of the
same classes, with the same labels and ids. An entry looks like this:

    def shifted(data: AnyDataset, path: Path | None, *, seed: int = 0, ...) -> AnyDataset:
        ...

An option whose default is none of its choices must be given. What is done to one image after the
other is also done to images that stay in their files: see `shared.changing`.
"""
