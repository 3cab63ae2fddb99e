"""``compile=true``: compile a network with ``torch.compile``, block by block."""

from torch import nn

from suite.training.processes.sharded_weights import blocks


def compile_blocks(net: nn.Module) -> None:
    """Compile each block of every ``nn.ModuleList``, and each child that contains no ``nn.ModuleList``, in place.

    Identical blocks share one compilation. The network itself is not compiled, because tasks call its methods. The
    names of the weights do not change, so checkpoints are the same with and without compilation.
    """
    for child in net.children():
        if isinstance(child, nn.ModuleList):
            for block in child:
                block.compile(dynamic=True)
        elif next(blocks(child), None) is not None:
            compile_blocks(child)
        else:
            child.compile(dynamic=True)
