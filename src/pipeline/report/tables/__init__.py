"""Tables in the form of the paper's Tables 1 to 7, and some that it lacks: one file each.

A new table is a module of this folder with a function from a `View` to tables, made for each study,
data set or network (see `entries`); what tables share is in `table`:

    EACH = "network"
    ORDER = 90

    def tables(view):
        numbers = view.points
        cells = by_sparsity(numbers, ["pruner"], lambda record: number(record["nll"], 3))
        yield network_table(view, "nll", "NLL in nats.", numbers, *cells, columns=["nll"])
"""

FINDS = "tables"
