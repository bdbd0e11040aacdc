"""What a method such as ResRep adds to the training loop."""

from torch import Tensor, nn

from pipeline.engine.optimiser import ParameterGroup


class Extension:
    """What a method adds to the training loop; this one adds nothing.

    The loop, with the hooks marked by an arrow:

        groups = parameter_groups(model)                          ←
        if an interrupted training goes on: load_state_dict(…)    ←
        for each epoch:
            for each batch:
                lr = learning_rate(recipe, epoch, step)
                before_step(iteration)                            ←
                loss = cross_entropy(model(images), labels)
                loss.backward(), and the penalty on scales
                after_backward(lr)                                ←
                update of the groups with lr
                on SIGTERM: write down state_dict(), stop         ←
            now and then: write down state_dict()                 ←
    """

    def parameter_groups(self, model: nn.Module) -> list[ParameterGroup] | None:
        """The groups to optimise, or None for the recipe's; asked once, before the first step."""
        return None

    def before_step(self, iteration: int) -> None:
        """Decide what changes with the iteration, which counts the steps of all epochs from 0."""

    def after_backward(self, lr: float | Tensor) -> None:
        """Change gradients between the backward pass and the update with learning rate `lr`.

        On a GPU this may be recorded and replayed: what it does must not depend on the values of
        tensors, and it must read what :meth:`before_step` decided from tensors that stay.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """What must be restored when an interrupted training goes on."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` gave."""
