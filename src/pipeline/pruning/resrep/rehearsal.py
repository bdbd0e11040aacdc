"""Whether compactors can be folded and cut without loss, tried before the training.

On other parameters, compactors with dead rows are put in, folded and cut: the network before and
after must give the same, in evaluation mode in float64.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.check import with_other_parameters
from pipeline.cutting.coupling import Group
from pipeline.errors import PipelineError, first_line
from pipeline.pruning.resrep.compactors import Compactors, Rows, cut_folded, fold, insert

LIMIT = 1e-9


@torch.no_grad()
def check_folding(model: nn.Module, groups: Sequence[Group], example_input: Tensor) -> None:
    """Raise PipelineError, which names the layer, unless dead rows can be cut without loss.

    Args:
        model: A network without compactors; left as it is.
        groups: Its groups of convolutions.
        example_input: Images [B, 3, H, W]; only their shape counts.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(2, *example_input.shape[1:])
        drawn = with_other_parameters(model, images).double().eval()
        images = images.double()
        compactors = insert(drawn, groups)
        dead: Rows = {}
        for name, compactor in compactors.items():
            rows = torch.arange(compactor.out_channels) % 2 == 1
            compactor.weight.normal_(0, compactor.out_channels**-0.5)
            compactor.weight[rows] = 0
            dead[name] = rows
        fault = _fault(drawn, groups, compactors, dead, images)
        if fault is None:
            return
        for name, rows in dead.items():
            alone = {
                other: rows if other == name else torch.zeros_like(dead[other]) for other in dead
            }
            if fault_of_one := _fault(drawn, groups, compactors, alone, images):
                raise PipelineError(f"{name}: {fault_of_one}")
    raise PipelineError(fault)


def _fault(
    drawn: nn.Module, groups: Sequence[Group], compactors: Compactors, dead: Rows, images: Tensor
) -> str | None:
    expected = drawn(images)
    folded = copy.deepcopy(drawn)
    try:
        fold(folded, groups, compactors)
        smaller, _ = cut_folded(folded, groups, dead, images)
        found = smaller(images)
    except PipelineError:
        raise
    except Exception as error:  # a network of one's own may raise anything
        return f"ResRep's cut network does not run: {first_line(error)}"
    difference = ((expected - found).abs().max() / expected.abs().max()).item()
    if not difference <= LIMIT:
        return f"ResRep cannot cut it without loss (the outputs differ by {difference:.2g})"
    return None
