"""Figures of a study: one file each.

A new figure is a module of this folder with a function from a `View` to names and matplotlib
figures, made for each study, data set or network (see `entries`):

    EACH = "network"
    ORDER = 90

    def figures(view):
        yield "mine", draw(view)

What figures share is in `style` and `panels`. No module keeps state in pyplot, so a figure is
garbage as soon as it is saved.
"""

FINDS = "figures"
