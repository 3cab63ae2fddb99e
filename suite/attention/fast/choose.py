"""The dispatcher: which path computes a call of dense attention. ``paths.py`` holds the paths."""

from collections.abc import Callable
from dataclasses import replace

import torch

from suite.attention.choices.alignments import Softmax
from suite.attention.choices.scores import InnerProduct
from suite.attention.fast import paths
from suite.attention.fast.call import AttentionCall
from suite.attention.functional import AttentionOutput
from suite.attention.operators.half_precision import in_software

Path = Callable[[AttentionCall], AttentionOutput]


def choose(call: AttentionCall, compiled_kernels: bool = False) -> Path:
    """The fastest path that serves a call: the first row of the table that matches.

    | score and alignment              | pattern and bias         | and                     | path                    |
    |----------------------------------|--------------------------|-------------------------|-------------------------|
    | inner product, softmax           | tiles, no bias, no mask  | CUDA, no dropout        | ``flex_path``           |
    | any score, row-wise alignment    | tiles, no bias           |                         | ``tiles_path``          |
    | inner product, softmax           | positional, no bias      | ``compiled_kernels``    | ``kernels_path``        |
    | inner product, softmax           | positional, no bias      | CPU, dropout            | ``cpu_dropout_path``    |
    | inner product, softmax           | positional               |                         | ``sdpa_path``           |
    | wide score, row-wise alignment   | positional, no bias      | above ``CHUNK`` entries | ``chunks_path``         |
    | all others, and all with a state |                          |                         | ``reference_path``      |

    The order follows measurements by ``benchmarks/attention_block.py``, ``attention_length.py`` and
    ``attention_memory.py``. ``torch.export`` and ``torch.compile`` get ``sdpa_path`` or ``reference_path``, which
    trace to one graph without loops over tiles.
    """
    product = isinstance(call.score, InnerProduct) and isinstance(call.alignment, Softmax) and call.pattern.positional
    plain = call.bias is None and call.pattern.positional and not call.score.stateful and call.alignment.rowwise
    cpu = call.query.device.type == "cpu"
    if torch.compiler.is_compiling():
        return paths.sdpa_path if product else paths.reference_path
    if plain and call.pattern.tiles(call.query.shape[2], call.key.shape[2]) is not None:
        on_cuda = product and not cpu and call.dropout_p == 0.0 and call.mask is None
        return paths.flex_path if on_cuda else paths.tiles_path
    if product and call.bias is None and compiled_kernels:
        return paths.kernels_path
    if product:
        return paths.cpu_dropout_path if cpu and call.dropout_p > 0.0 and call.bias is None else paths.sdpa_path
    if plain and call.score.wide and call.query.numel() * call.key.shape[2] > paths.CHUNK:
        return paths.chunks_path
    return paths.reference_path


def attend_fast(call: AttentionCall, compiled_kernels: bool = False) -> AttentionOutput:
    """Attention by the path that ``choose`` returns.

    Where the CPU only emulates the half precision of the query, the path computes in float32 and the context is
    rounded once.
    """
    path = choose(call, compiled_kernels)
    if path is paths.reference_path or not in_software(call.query):
        return path(call)
    wide = replace(call, query=call.query.float(), key=call.key.float(), value=call.value.float())
    with torch.autocast("cpu", enabled=False):
        return AttentionOutput(path(wide).context.to(call.value.dtype), None)
