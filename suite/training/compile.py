"""``compile=true``: a network through torch's compiler, in parts."""

from torch import nn

from suite.training.processes.sharded_weights import blocks


def compile_parts(net: nn.Module) -> None:
    """Compile a network in place: each block of a stack (``nn.ModuleList``), and whole what holds no stack.

    Blocks that are alike share what was compiled for the first. The network as a whole is left alone, since tasks call
    its methods, and so are loops over steps. The names of its weights stay what they are: checkpoints do not know.
    """
    for child in net.children():
        if isinstance(child, nn.ModuleList):
            for block in child:
                block.compile(dynamic=True)
        elif next(blocks(child), None) is not None:
            compile_parts(child)
        else:
            child.compile(dynamic=True)
