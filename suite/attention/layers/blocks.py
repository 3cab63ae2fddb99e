"""Transformer blocks."""

# B batch, L positions, S positions of a memory, E model width

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
