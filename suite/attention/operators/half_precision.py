"""Linear layers in half precision on a CPU without instructions for it, where float32 is many times as fast."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@cache
def emulated(dtype: torch.dtype) -> bool:
    """Whether this CPU emulates products of a half-precision type in software, as oneDNN reports."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.bfloat16:
        return not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float16 and not torch.ops.mkldnn._is_mkldnn_fp16_supported()


def in_software(x: Tensor) -> bool:
    """Whether products of ``x`` are faster in float32: its type is emulated, and no compiler traces the call."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling() and emulated(x.dtype)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear``: y = x weight^T + bias. Where half precision is emulated, in float32 and rounded once."""
    if not in_software(x) or torch.is_autocast_enabled("cpu"):
        return F.linear(x, weight, bias)
    return F.linear(x.float(), weight.float(), None if bias is None else bias.float()).to(x.dtype)


class HalfPrecisionLinear(nn.Linear):
    """``nn.Linear`` that is fast in half precision on every CPU, see ``linear``."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)
