"""What ResRep adds to the training loop: it masks rows, and edits the compactors' gradients."""

import torch
from torch import Tensor, nn

from pipeline.cache.specs import Recipe
from pipeline.engine.extension import Extension
from pipeline.engine.optimiser import ParameterGroup, parameter_groups
from pipeline.pruning.resrep.compactors import Compactors, Rows, edit_gradient
from pipeline.pruning.resrep.masking import Masking
from pipeline.pruning.resrep.rows import choose_rows, count, row_norms
from pipeline.pruning.resrep.targets import Enough


class ResRep(Extension):
    """What ResRep adds to the training loop.

    Args:
        compactors: The compactor of each convolution that has one.
        recipe: Of the training.
        masking: When rows are masked, how many at a time, and how hard the lasso pulls.
        enough: When enough rows are masked.
    """

    def __init__(
        self, compactors: Compactors, recipe: Recipe, masking: Masking, enough: Enough
    ) -> None:
        self.compactors = compactors
        self.recipe = recipe
        self.masking = masking
        self.enough = enough
        for compactor in compactors.values():
            rows = torch.zeros(compactor.out_channels, dtype=torch.bool)
            # Moves with the network, and belongs to no checkpoint.
            compactor.register_buffer("masked", rows.to(compactor.weight.device), persistent=False)

    @property
    def masked(self) -> Rows:
        """Which rows of each compactor are masked, bool [C] on the CPU."""
        return {name: c.get_buffer("masked").cpu() for name, c in self.compactors.items()}

    def parameter_groups(self, model: nn.Module) -> list[ParameterGroup]:
        """The recipe's groups, and the compactors with a momentum of their own and no decay."""
        rows = [p for compactor in self.compactors.values() for p in compactor.parameters()]
        groups = parameter_groups(model, self.recipe)
        for group in groups:
            group.parameters = [p for p in group.parameters if all(p is not row for row in rows)]
        return [*groups, ParameterGroup(rows, self.masking.compactor_momentum, 0.0)]

    def before_step(self, iteration: int) -> None:
        """Mask more rows when it is time."""
        if self.masking.chooses_at(iteration):
            limit = count(self.masked) + self.masking.rows_per_step
            self.load_state_dict(choose_rows(row_norms(self.compactors), limit, self.enough))

    def after_backward(self, lr: float | Tensor) -> None:
        """Edit the compactors' gradients."""
        for compactor in self.compactors.values():
            edit_gradient(
                compactor,
                compactor.get_buffer("masked"),
                lasso=self.masking.lasso,
                lasso_masked=self.masking.lasso_masked,
                lr=lr,
            )

    def state_dict(self) -> dict[str, Tensor]:
        """Which rows are masked."""
        return self.masked

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore which rows are masked."""
        for name, rows in state.items():
            self.compactors[name].get_buffer("masked").copy_(rows)
