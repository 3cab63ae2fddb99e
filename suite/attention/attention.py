"""The choices of dense attention as one module: score, alignment, pattern, dropout."""

# B batch, H heads, L queries, S keys and values, D width of one head, V width of one value

from typing import Literal

from torch import Tensor, nn

from suite.attention.choices.alignments import Alignment, Softmax
from suite.attention.choices.patterns import Full, Pattern
from suite.attention.choices.scores import InnerProduct, ScaledDot, Score
from suite.attention.compiled.library import library
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.choose import attend_fast
from suite.attention.fast.paths import reference_path
from suite.attention.functional import AttentionOutput, check_positions, check_shapes

Implementation = Literal["auto", "reference", "compiled"]


class Attention(nn.Module):
    """Attention between projected heads, composed of a score, an alignment and a pattern.

    weights = alignment(score(query, key), pattern & mask);   context = dropout(weights) value   (see ``attend``)

    Args:
        score: how well a key matches a query; default ``ScaledDot()``.
        alignment: how scores become weights; default ``Softmax()``.
        pattern: which keys a query may attend to; default ``Full()``.
        dropout: probability of dropping a weight during training.
        implementation: "auto" takes the fastest path that serves the call (``suite.attention.fast.choose``),
            "reference" the plain equation, "compiled" adds C++ kernels for inner-product scores with softmax on a CPU;
            they are built at first use and need a compiler (docs/compiled.md).

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V) -> context (B, H, L, V), weights (B, H, L, S) or
    None.

    Raises:
        ValueError: if dropout is outside [0, 1), the implementation is unknown or does not serve the choices, or the
            shapes do not match.
        TypeError: if the mask is not bool.

    >>> import torch
    >>> from suite.attention import Causal
    >>> attention = Attention(pattern=Causal())
    >>> x = torch.randn(2, 1, 5, 4)
    >>> attention(x, x, x, need_weights=True).weights[0, 0, 0]
    tensor([1., 0., 0., 0., 0.])
    """

    def __init__(
        self,
        score: Score | None = None,
        alignment: Alignment | None = None,
        pattern: Pattern | None = None,
        dropout: float = 0.0,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__()
        check_options(dropout, implementation)
        self.score = ScaledDot() if score is None else score
        self.alignment = Softmax() if alignment is None else alignment
        if implementation == "compiled":
            _check_compiled(self.score, self.alignment)
        self.pattern = Full() if pattern is None else pattern
        self.dropout = dropout
        self.implementation = implementation

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        previous: Tensor | None = None,
        query_positions: Tensor | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend from ``query`` to ``key`` and ``value``.

        Args:
            query, key, value: (B, H, L, D), (B, H, S, D), (B, H, S, V).
            mask: bool, broadcastable to (B, H, L, S), True = may attend; joined with the pattern.
            bias: broadcastable to (B, H, L, S), added to the scores.
            previous: weights of the previous step, (B, H, 1, S), for a score or alignment with a state.
            query_positions: ints (L,) or (B, L), where each query is among the keys, for the pattern. By default the
                last query is at the last key.
            need_weights: True to return the weights. A score or alignment with a state always returns them.
        """
        check_shapes(query, key, value, mask, same_width=self.score.same_width)
        call = self._call(query, key, value, mask, bias, previous, query_positions)
        stateful = self.score.stateful or self.alignment.stateful
        if need_weights or stateful or self.implementation == "reference":
            return reference_path(call)
        return attend_fast(call, compiled_kernels=self.implementation == "compiled")

    def weights(
        self,
        query: Tensor,
        key: Tensor,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        previous: Tensor | None = None,
        query_positions: Tensor | None = None,
    ) -> Tensor:
        """The weights (B, H, L, S) without dropout, for a call that ran on a path without weights."""
        call = self._call(query, key, key[..., :0], mask, bias, previous, query_positions, dropout=0.0)
        weights = reference_path(call).weights
        assert weights is not None
        return weights

    def log_prob(self, query: Tensor, key: Tensor, weights: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Log probability (B, H, L) of the keys that hard attention sampled, for REINFORCE.   (Xu et al. 2015, eq. 12).

        Raises ValueError for an alignment that does not sample.
        """
        log_prob = getattr(self.alignment, "log_prob", None)
        if log_prob is None:
            raise ValueError(f"alignment {type(self.alignment).__name__} does not sample; use attention.alignment=hard")
        call = self._call(query, key, key, mask, None, None)
        result: Tensor = log_prob(call.scores(query, key), weights, call.masked()[0])
        return result

    def _call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        bias: Tensor | None,
        previous: Tensor | None,
        query_positions: Tensor | None = None,
        dropout: float | None = None,
    ) -> AttentionCall:
        if dropout is None:
            dropout = self.dropout if self.training else 0.0
        pattern = self.pattern
        if query_positions is not None:
            check_positions(query_positions, query)
            rule, pattern = pattern.split()
            where = rule.at(query_positions, key.shape[2])
            mask = where if mask is None else where & mask
        return AttentionCall(query, key, value, self.score, self.alignment, pattern, mask, bias, dropout, previous)


def check_options(dropout: float, implementation: str) -> None:
    """Raise ValueError for a dropout outside [0, 1) and for an unknown implementation."""
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout must be a probability in [0, 1), got {dropout}")
    if implementation not in ("auto", "reference", "compiled"):
        raise ValueError(f"implementation must be 'auto', 'reference' or 'compiled', got {implementation!r}")


def _check_compiled(score: Score, alignment: Alignment) -> None:
    """Raise ValueError for choices without a compiled kernel, and where the kernels cannot be built."""
    if not (isinstance(score, InnerProduct) and isinstance(alignment, Softmax)):
        raise ValueError(
            "implementation='compiled' computes inner-product scores with softmax, and GATScore over edges, not "
            f"{type(score).__name__} with {type(alignment).__name__}; use implementation='auto'"
        )
    library()
