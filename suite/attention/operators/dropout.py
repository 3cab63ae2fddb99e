"""Dropout with a cheap mask: on a CPU the mask, not the product, is the dearest operator of a training step."""

import torch
import torch.nn.functional as F
from torch import Tensor

LANES = 1 << 16


def keep_mask(shape: torch.Size, p: float, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Draw a uint8 mask whose entries are 1 with probability ``1 - round(65536 p) / 65536``, else 0.

    One 64-bit random number serves four entries of 16 bits, which a threshold turns into 0 or 1: about 1 ns an entry on
    a CPU where ``bernoulli_`` takes 9. The probability is exact to 1/65536; entries are independent. The type is uint8
    because bool is five times slower to compare into and four times slower to multiply with.
    """
    count = shape.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=device)
    words.random_(-(1 << 63), None, generator=generator)  # the whole 64-bit range, sign bit included
    lanes = words.view(torch.int16)[:count]
    mask = torch.empty(count, dtype=torch.uint8, device=device)
    return torch.ge(lanes, round(p * LANES) - LANES // 2, out=mask).view(shape)


class _MaskedScale(torch.autograd.Function):
    """x * mask * scale, keeping one byte an entry for the way back."""

    @staticmethod
    def forward(ctx, x: Tensor, mask: Tensor, scale: float) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return (x * mask).mul_(scale)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        (mask,) = ctx.saved_tensors
        return (grad * mask).mul_(ctx.scale), None, None


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Zero each entry with probability ``p`` and divide the rest by ``1 - p`` (Srivastava et al. 2014).

    The distribution of ``torch.nn.functional.dropout`` with another stream of random numbers; off a CPU, and while a
    graph is traced for export or compilation, it is that function. Raises ValueError where ``p`` is outside [0, 1].
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout must be a probability in [0, 1], got {p}")
    if not training or p == 0.0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling() or round(p * LANES) in (0, LANES):
        return F.dropout(x, p)
    mask = keep_mask(x.shape, p, x.device)
    return _MaskedScale.apply(x, mask, 1.0 / (1.0 - round(p * LANES) / LANES))
