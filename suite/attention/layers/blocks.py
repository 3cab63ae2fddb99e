"""Transformer blocks, and the reversible residual block."""

# B batch, L positions, S positions of a memory, E model width

from typing import Any

import torch
from torch import Tensor, nn

from suite.attention.layers.multihead import KeyValue, MultiheadAttention
from suite.attention.operators.dropout import dropout


class FeedForward(nn.Module):
    """The position-wise feed-forward network of a Transformer.

    out = W_2 dropout(gelu(W_1 x + b_1)) + b_2   (Vaswani et al. 2017, eq. 2, with GELU: Hendrycks & Gimpel 2016)

    Shape: (..., E) -> (..., E).

    >>> FeedForward(embed_dim=4, hidden_dim=8)(torch.randn(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, embed_dim: int, hidden_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(embed_dim, hidden_dim), nn.Linear(hidden_dim, embed_dim)
        self.activation = nn.GELU()
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        return self.down(dropout(self.activation(self.up(x)), self.dropout, self.training))


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward network, each with a layer norm before it and a residual connection.

    x = x + dropout(attention(norm_1(x)));   x = x + dropout(feed_forward(norm_2(x)))
    (Vaswani et al. 2017, sec. 3.1, with the norm first: Xiong et al. 2020, table 1)

    With a causal pattern this is the block of a decoder without memory (SASRec, GPT), and ``cache`` serves generation.

    Args:
        attention: self-attention with any score, alignment, pattern and positions.
        feed_forward: maps (..., E) to (..., E).
        dropout: probability of dropping an entry of either branch during training.

    Shape: x (B, L, E), mask bool broadcastable to (B, H, L, L) -> (B, L, E).

    >>> block = EncoderBlock(MultiheadAttention(embed_dim=4, num_heads=2), FeedForward(embed_dim=4, hidden_dim=8))
    >>> block(torch.randn(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, attention: MultiheadAttention, feed_forward: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        embed_dim = attention.output_proj.out_features
        self.attention, self.feed_forward = attention, feed_forward
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(embed_dim), nn.LayerNorm(embed_dim)
        self.dropout = dropout

    def forward(self, x: Tensor, *, mask: Tensor | None = None, cache: KeyValue | None = None) -> Tensor:
        """Encode x. With a ``cache`` that already contains x (see ``extend``), x are only the new positions."""
        context = self.attention(self.attention_norm(x), mask=mask, cache=cache).context
        x = x + dropout(context, self.dropout, self.training)
        return x + dropout(self.feed_forward(self.feed_forward_norm(x)), self.dropout, self.training)

    def extend(self, x: Tensor, cache: KeyValue | None = None) -> KeyValue:
        """``cache`` followed by the keys and values of the new positions x (B, L, E), as a new cache."""
        return self.attention.extend(self.attention_norm(x), cache)


class DecoderBlock(nn.Module):
    """Causal self-attention, attention to a memory, and a feed-forward network.

    x = x + self_attention(norm_1(x));   x = x + cross_attention(norm_2(x), memory);   x = x + feed_forward(norm_3(x))
    (Vaswani et al. 2017, sec. 3.1, with the norm first)

    Args:
        self_attention: attention to earlier positions; give it a causal pattern.
        cross_attention: attention to the memory, ``remember(encoded)``, which is projected once for all steps.
        feed_forward: maps (..., E) to (..., E).
        dropout: probability of dropping an entry of each branch during training.

    Shape: x (B, L, E), memory from (B, S, memory_dim), masks bool, True = may attend -> (B, L, E).

    >>> heads = [MultiheadAttention(embed_dim=4, num_heads=2) for _ in range(2)]
    >>> block = DecoderBlock(*heads, FeedForward(embed_dim=4, hidden_dim=8))
    >>> block(torch.randn(2, 3, 4), block.remember(torch.randn(2, 5, 4))).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        self_attention: MultiheadAttention,
        cross_attention: MultiheadAttention,
        feed_forward: nn.Module,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        embed_dim = self_attention.output_proj.out_features
        self.self_attention, self.cross_attention = self_attention, cross_attention
        self.feed_forward = feed_forward
        self.self_norm, self.cross_norm, self.feed_forward_norm = (nn.LayerNorm(embed_dim) for _ in range(3))
        self.dropout = dropout

    def forward(
        self,
        x: Tensor,
        memory: KeyValue,
        *,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        cache: KeyValue | None = None,
    ) -> Tensor:
        """Decode x. With a ``cache`` that already contains x (see ``extend``), x are only the new positions."""
        context = self.self_attention(self.self_norm(x), mask=mask, cache=cache).context
        x = x + dropout(context, self.dropout, self.training)
        context = self.cross_attention(self.cross_norm(x), cache=memory, mask=memory_mask).context
        x = x + dropout(context, self.dropout, self.training)
        return x + dropout(self.feed_forward(self.feed_forward_norm(x)), self.dropout, self.training)

    def remember(self, encoded: Tensor) -> KeyValue:
        """Project the memory to keys and values: (B, S, memory_dim) -> KeyValue."""
        return self.cross_attention.extend(encoded)

    def extend(self, x: Tensor, cache: KeyValue | None = None) -> KeyValue:
        """``cache`` followed by the keys and values of the new positions x (B, L, E), as a new cache."""
        return self.self_attention.extend(self.self_norm(x), cache)


class Reversible(nn.Module):
    """A residual block whose backward pass computes its input from its output, so that no input is saved.

    y_1 = x_1 + f(x_2);   y_2 = x_2 + g(y_1);   inverse:   x_2 = y_2 - g(y_1);   x_1 = y_1 - f(x_2)
    (Gomez et al. 2017, eq. 6-7; with attention and feed-forward as f and g: Kitaev et al. 2020, eq. 9)

    f and g run twice and must give the same output: dropout inside them raises ValueError during training.

    Shape: two tensors of the same shape -> two tensors of that shape.

    >>> block = Reversible(nn.Linear(4, 4), nn.Linear(4, 4))
    >>> y = block(*torch.randn(2, 3, 4))
    >>> [round(float(x.detach().norm()), 3) >= 0 for x in block.inverse(*y)]
    [True, True]
    """

    def __init__(self, f: nn.Module, g: nn.Module) -> None:
        super().__init__()
        self.f, self.g = f, g

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and any(_drops(module) for module in self.modules()):
            raise ValueError(
                "f and g of a reversible block run twice and must give the same output; set their dropout to 0"
            )
        learnt = [p for p in self.parameters() if p.requires_grad]
        y: tuple[Tensor, Tensor] = _Reversible.apply(self, first, second, *learnt)
        return y

    @torch.no_grad()
    def inverse(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The input that gives this output."""
        second = second - self.g(first)
        return first - self.f(second), second


def _drops(module: nn.Module) -> bool:
    p = getattr(module, "dropout", module.p if isinstance(module, nn.Dropout) else 0.0)
    return isinstance(p, float) and p > 0.0


class _Reversible(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, block: Reversible, first: Tensor, second: Tensor, *learnt: Tensor
    ) -> tuple[Tensor, Tensor]:
        first = first + block.f(second)
        second = second + block.g(first)
        ctx.block, ctx.learnt = block, learnt
        ctx.save_for_backward(first.detach(), second.detach())
        return first, second

    @staticmethod
    def backward(ctx, d_first: Tensor, d_second: Tensor) -> tuple[Any, ...]:  # type: ignore[no-untyped-def]
        first, second = ctx.saved_tensors
        block, learnt = ctx.block, ctx.learnt
        with torch.enable_grad():
            first = first.detach().requires_grad_()
            out = block.g(first)
        more, *by_g = torch.autograd.grad(out, (first, *learnt), d_second, materialize_grads=True)
        d_first = d_first + more
        with torch.enable_grad():
            second = (second - out).detach().requires_grad_()
            out = block.f(second)
        more, *by_f = torch.autograd.grad(out, (second, *learnt), d_first, materialize_grads=True)
        return None, d_first, d_second + more, *(f + g for f, g in zip(by_f, by_g, strict=True))
