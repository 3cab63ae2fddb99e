"""Split the joint projection of query, key and value, and join the gradients, without copying."""

# B batch, L length, H heads, D width of one head, E width of all parts together

from collections.abc import Sequence

import torch
from torch import Tensor


def split_joint(x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    """``x.split(sizes, dim=-1)``; the backward pass copies nothing where the gradients are adjacent in memory.

    Shape: (B, L, E) -> (B, L, size) each.
    """
    if torch.compiler.is_compiling():
        return x.split(list(sizes), dim=-1)
    parts: tuple[Tensor, ...] = _Split.apply(x, sizes)
    return parts


def side_by_side(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Memory for a gradient of each tensor (B, H, L, D): adjacent as one (B, L, E) where the lengths are equal.

    Where they differ, each has its own (B, L, H, D), so that joining the heads copies nothing.
    """
    B, H, L, _ = tensors[0].shape
    if any(x.shape[:3] != (B, H, L) for x in tensors):
        return [torch.empty_like(x.transpose(1, 2)).transpose(1, 2) for x in tensors]
    widths = [H * x.shape[3] for x in tensors]
    joint = tensors[0].new_empty(B, L, sum(widths))
    return [part.unflatten(2, (H, -1)).transpose(1, 2) for part in joint.split(widths, dim=2)]


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:  # type: ignore[no-untyped-def]
        return x.split(list(sizes), dim=-1)

    @staticmethod
    def backward(ctx, *grads: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        first, width = grads[0], sum(grad.shape[-1] for grad in grads)
        strides = (first.shape[1] * width, width, 1)
        place = first.storage_offset()
        for grad in grads:
            other = grad.untyped_storage().data_ptr() != first.untyped_storage().data_ptr()
            apart = other or grad.stride() != strides or grad.storage_offset() != place
            if apart or torch.is_grad_enabled():  # with a graph, the joint view would belong to the first gradient
                return torch.cat(grads, dim=-1), None
            place += grad.shape[-1]
        return first.as_strided((*first.shape[:2], width), strides), None
