"""Figures of a study: a module a family, whose `draw` returns a matplotlib Figure.

    >>> figure = accuracy_over.draw(results.published(), "cifar100", "resnet18")
    >>> style.save(figure, folder / "cifar100-resnet18-accuracy-over-metrics")

No module keeps state in pyplot, so a figure is garbage as soon as it is saved.
"""
