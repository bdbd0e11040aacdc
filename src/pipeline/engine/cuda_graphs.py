"""CUDA graphs: a step is recorded once and replayed, so that launching kernels costs no time.

    step = Recorded(train, device, undo=model.zero_grad)
    for images, labels in batches:
        step(images, labels)

See PyTorch's notes on CUDA semantics for what can be recorded.
"""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.progress import say

Step = Callable[[Tensor, Tensor], None]

# Calls that run as usual before one is recorded: libraries set themselves up, choose algorithms.
EAGER_CALLS = 3


class Recorded:
    """A function of tensors on a GPU, recorded once for each shape of its input and then replayed.

    The function must do nothing but launch kernels: it reads its arguments and tensors that stay
    where they are, writes into such tensors, and decides nothing by their values. The first calls
    run as usual, then a call records the function. If it cannot be recorded, `undo` removes what
    the attempt left behind, and all calls run as usual.
    """

    def __init__(self, function: Step, device: torch.device, undo: Callable[[], None]) -> None:
        self.function = function
        self.undo = undo
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.calls: Counter[torch.Size] = Counter()
        self.graphs: dict[torch.Size, tuple[torch.cuda.CUDAGraph, tuple[Tensor, Tensor]]] = {}
        self.possible = True

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        """Call the function, or replay what it does for inputs of these shapes."""
        shape = images.shape
        if shape not in self.graphs and self.possible:
            self.calls[shape] += 1
            if self.calls[shape] > EAGER_CALLS:
                self._record(images, labels)
        if shape in self.graphs:
            graph, inputs = self.graphs[shape]
            for place, given in zip(inputs, (images, labels), strict=True):
                place.copy_(given)
            graph.replay()
        else:
            self._call(images, labels)

    def _call(self, images: Tensor, labels: Tensor) -> None:
        """Run on the stream that will record, where autograd's accumulators then belong."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.function(images, labels)
        torch.cuda.current_stream().wait_stream(self.stream)

    def _record(self, images: Tensor, labels: Tensor) -> None:
        inputs = torch.empty_like(images), torch.empty_like(labels)
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        try:
            # Only this thread's work must not disturb it: a loader may be copying meanwhile.
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                self.function(*inputs)
        except RuntimeError as error:
            self.possible = False
            self.undo()
            # Older versions of torch leave the stream current and the generator recording; recorded
            # graphs would go on with the state that the generator had.
            torch.cuda.set_stream(stream)
            generator = torch.cuda.default_generators[torch.cuda.current_device()]
            generator.graphsafe_set_state(generator.clone_state())
            self.graphs.clear()
            reason = str(error.__context__ or error).partition("\n")[0]
            say(f"this network runs without CUDA graphs: {reason}")
            return
        self.graphs[images.shape] = graph, inputs
