"""Dropout with a cheap mask: on a CPU the mask is the most expensive operator of a training step."""

import torch
import torch.nn.functional as F
from torch import Tensor

LANES = 1 << 16


def keep_mask(shape: torch.Size, p: float, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Draw a uint8 mask whose entries are 1 with probability ``1 - round(65536 p) / 65536``, else 0.

    A random 64-bit number serves four entries of 16 bits, which a threshold turns into 0 or 1: about 1 ns per entry on
    a CPU, where ``bernoulli_`` takes 9 ns. The entries are independent. The type is uint8 because comparing into bool
    is five times slower and multiplying with bool four times.
    """
    count = shape.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=device)
    words.random_(-(1 << 63), None, generator=generator)  # the whole 64-bit range, sign bit included
    lanes = words.view(torch.int16)[:count]
    mask = torch.empty(count, dtype=torch.uint8, device=device)
    return torch.ge(lanes, round(p * LANES) - LANES // 2, out=mask).view(shape)


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Set each entry to 0 with probability ``p`` and divide the others by ``1 - p`` (Srivastava et al. 2014).

    It has the distribution of ``torch.nn.functional.dropout`` and another stream of random numbers. On other devices,
    and while a graph is traced for export or compilation, it is that function. Raises ValueError where ``p`` is outside
    [0, 1].

    >>> dropout(torch.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout must be a probability in [0, 1], got {p}")
    if not training or p == 0.0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling() or round(p * LANES) in (0, LANES):
        return F.dropout(x, p)
    mask = keep_mask(x.shape, p, x.device)
    return _MaskedScale.apply(x, mask, 1.0 / (1.0 - round(p * LANES) / LANES))


class _MaskedScale(torch.autograd.Function):
    """x * mask * scale; saves one byte per entry for the backward pass."""

    @staticmethod
    def forward(ctx, x: Tensor, mask: Tensor, scale: float) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return (x * mask).mul_(scale)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        (mask,) = ctx.saved_tensors
        return (grad * mask).mul_(ctx.scale), None, None
