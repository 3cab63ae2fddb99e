"""The dispatcher: which path computes a call of dense attention. ``paths.py`` holds the paths."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from suite.attention.choices.alignments import Softmax
from suite.attention.choices.scores import InnerProduct
from suite.attention.fast import paths
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.flex import serves
from suite.attention.functional import AttentionOutput
from suite.attention.operators.half_precision import emulated
from suite.attention.operators.recompute import autocast_type, rebound, without_autocast

Path = Callable[[AttentionCall], AttentionOutput]


def choose(call: AttentionCall, compiled_kernels: bool = False) -> Path:
    """The fastest path that serves a call: the first row of the table that matches.

    | score and alignment              | pattern and bias         | and                     | path                    |
    |----------------------------------|--------------------------|-------------------------|-------------------------|
    | inner product, softmax           | tiles, no bias, no mask  | CUDA, ``flex.serves``   | ``flex_path``           |
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
    plain = plain and (isinstance(call.score, InnerProduct) or not call.score.needs_order)
    cpu = call.query.device.type == "cpu"
    if torch.compiler.is_compiling():
        return paths.sdpa_path if product else paths.reference_path
    if plain and call.pattern.tiles(call.query.shape[2], call.key.shape[2]) is not None:
        return paths.flex_path if product and serves(call) else paths.tiles_path
    if product and call.bias is None and compiled_kernels:
        return paths.kernels_path
    if product:
        return paths.cpu_dropout_path if cpu and call.dropout_p > 0.0 and call.bias is None else paths.sdpa_path
    if plain and call.score.wide and call.query.numel() * call.key.shape[2] > paths.CHUNK:
        return paths.chunks_path
    return paths.reference_path


def attend_fast(call: AttentionCall, compiled_kernels: bool = False) -> AttentionOutput:
    """Attention by the path that ``choose`` returns.

    Where the CPU only emulates the half precision of the call, of its tensors or of autocast, the path computes in
    float32 and the context is rounded once.
    """
    path = choose(call, compiled_kernels)
    dtype = autocast_type(call.query)
    emulates = call.query.device.type == "cpu" and not torch.compiler.is_compiling() and emulated(dtype)
    if path is paths.reference_path or not emulates:
        return path(call)
    with without_autocast(call.query.device):
        context = path(_in_float32(call)).context
    return AttentionOutput(context.to(autocast_type(call.value)), None)


def _in_float32(call: AttentionCall) -> AttentionCall:
    """The call with its tensors, and the parameters of its choices, in float32."""
    wide: dict[Tensor, Tensor] = {
        p: p.float() for part in (call.score, call.alignment) for p in part.parameters() if p.dtype.itemsize < 4
    }
    return replace(
        call,
        query=call.query.float(),
        key=call.key.float(),
        value=call.value.float(),
        score=rebound(call.score, wide) if wide else call.score,
        alignment=rebound(call.alignment, wide) if wide else call.alignment,
    )
