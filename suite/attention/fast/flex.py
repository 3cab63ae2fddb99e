"""FlexAttention for a pattern: one compiled CUDA kernel that skips the blocks where no pair is allowed."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

import copy
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from suite.attention.choices.patterns import Pattern
from suite.attention.fast.call import AttentionCall

LENGTHS_PER_PATTERN = 8
NARROWEST = 16  # width of a query and of a value that the kernel can multiply

_block_masks: WeakKeyDictionary[Pattern, dict[tuple[int, int, torch.device], Any]] = WeakKeyDictionary()


def serves(call: AttentionCall) -> bool:
    """Whether the kernel computes a call: on CUDA, for vectors that are wide enough, without mask and dropout."""
    return (
        call.query.device.type == "cuda"
        and call.mask is None
        and call.dropout_p == 0.0
        and call.query.dtype in (torch.float32, torch.float16, torch.bfloat16)
        and min(call.query.shape[-1], call.value.shape[-1]) >= NARROWEST
    )


def flex_context(query: Tensor, key: Tensor, value: Tensor, pattern: Pattern, scale: float) -> Tensor:
    """context = softmax over the allowed keys of (scale query . key) @ value.

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V) -> (B, H, L, V).
    """
    from torch.nn.attention.flex_attention import flex_attention  # imports the compiler, which takes a second

    blocks = block_mask(pattern, query.shape[2], key.shape[2], query.device)
    flex = torch.compile(flex_attention, dynamic=False)
    context: Tensor = flex(query, key, value, block_mask=blocks, scale=scale)
    return context


def block_mask(pattern: Pattern, num_queries: int, num_keys: int, device: torch.device) -> Any:
    """The ``BlockMask`` of a pattern: which blocks of pairs are empty, full or mixed.

    Making one visits all pairs, so the masks of the last ``LENGTHS_PER_PATTERN`` lengths are cached for as long as the
    pattern exists.
    """
    masks = _block_masks.setdefault(pattern, {})
    size = (num_queries, num_keys, device)
    if size not in masks:
        from torch.nn.attention.flex_attention import create_block_mask

        rule, offset = copy.copy(pattern), pattern.offset(num_queries, num_keys)  # the cache must not hold the pattern

        def allowed(batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
            return rule.allows(row + offset, column)

        if len(masks) == LENGTHS_PER_PATTERN:
            masks.pop(next(iter(masks)))
        masks[size] = create_block_mask(allowed, None, None, num_queries, num_keys, device=device)
    return masks[size]
