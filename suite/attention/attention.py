"""The four choices as one module: score, alignment, pattern, dropout."""

# B batch, H heads, L queries, S keys and values, D width of one head, V width of one value

from typing import Literal

from torch import Tensor, nn

from suite.attention.choices.alignments import Alignment, Softmax
from suite.attention.choices.patterns import Full, Pattern
from suite.attention.choices.scores import GATScore, InnerProduct, ScaledDot, Score
from suite.attention.compiled.library import library
from suite.attention.fast.choose import Call, attend_fast, reference
from suite.attention.functional import AttentionOutput, check_shapes


class Attention(nn.Module):
    """Attention between projected heads, composed of a score, an alignment and a pattern.

    weights = alignment(score(query, key), pattern & mask);   context = dropout(weights) value   (see ``attend``)

    Args:
        score: how well a key answers a query; ``ScaledDot()`` unless given.
        alignment: how scores become weights; ``Softmax()`` unless given.
        pattern: who may attend to whom; ``Full()`` unless given.
        dropout: probability of dropping a weight on its way into the context, while training.
        implementation: "auto" takes the fastest path that serves the call (``fused.choose``), "reference" the readable
            one, "compiled" adds C++ kernels for inner products with softmax on a CPU, which are built once and need a
            compiler (``suite.attention.compiled.library``).

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V) -> context (B, H, L, V), weights (B, H, L, S) or
    None. Raises ValueError for a dropout outside [0, 1), an unknown implementation, choices that the compiled kernels
    do not serve and shapes that do not fit, TypeError for a mask that is not bool.

    >>> import torch
    >>> from suite.attention.choices.patterns import Causal
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
        implementation: Literal["auto", "reference", "compiled"] = "auto",
    ) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be a probability in [0, 1), got {dropout}")
        if implementation not in ("auto", "reference", "compiled"):
            raise ValueError(f"implementation must be 'auto', 'reference' or 'compiled', got {implementation!r}")
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
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend. ``mask`` (bool, True = may attend) joins the pattern, ``bias`` is added to the scores.

        ``previous`` are the weights of the last step, used by a score or alignment with a state and ignored by others.
        Weights are always formed where ``need_weights`` or a state asks for them, else only where no fused path serves.
        """
        check_shapes(query, key, value, mask)
        call = self._call(query, key, value, mask, bias, previous)
        stateful = self.score.stateful or self.alignment.stateful
        readable = need_weights or stateful or self.implementation == "reference"
        return reference(call) if readable else attend_fast(call, compiled_kernels=self.implementation == "compiled")

    def weights(
        self,
        query: Tensor,
        key: Tensor,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        previous: Tensor | None = None,
    ) -> Tensor:
        """The weights alone, (B, H, L, S), without dropout: what a fused path did not form."""
        call = self._call(query, key, key[..., :0], mask, bias, previous, dropout=0.0)
        weights = reference(call).weights
        assert weights is not None
        return weights

    def log_prob(self, query: Tensor, key: Tensor, weights: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Log probability (B, H, L) of the keys that hard attention drew, for REINFORCE.   (Xu et al. 2015, eq. 12)."""
        log_prob = getattr(self.alignment, "log_prob", None)
        if log_prob is None:
            raise ValueError(f"alignment {type(self.alignment).__name__} draws no sample; use attention.alignment=hard")
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
        dropout: float | None = None,
    ) -> Call:
        if dropout is None:
            dropout = self.dropout if self.training else 0.0
        return Call(query, key, value, self.score, self.alignment, self.pattern, mask, bias, dropout, previous)


def _check_compiled(score: Score, alignment: Alignment) -> None:
    """Refuse choices that no compiled kernel serves, and a machine that cannot build one."""
    serves = isinstance(score, InnerProduct | GATScore) and isinstance(alignment, Softmax)
    if not serves:
        raise ValueError(
            "implementation='compiled' computes inner products with softmax, and GATScore over edges, not "
            f"{type(score).__name__} with {type(alignment).__name__}; use implementation='auto'"
        )
    library()
