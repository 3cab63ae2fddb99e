"""One call of dense attention as a value: what the dispatcher looks at and every path computes."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from dataclasses import dataclass

from torch import Tensor

from suite.attention.choices.alignments import Alignment, Softmax
from suite.attention.choices.patterns import Pattern
from suite.attention.choices.scores import InnerProduct, Score


@dataclass(frozen=True)
class AttentionCall:
    """The tensors and the choices of one call of attention.

    Args:
        query: (B, H, L, D).
        key: (B, H, S, D).
        value: (B, H, S, V).
        score, alignment, pattern: the choices, see ``suite.attention.Attention``.
        mask: bool, broadcastable to (B, H, L, S), True = may attend.
        bias: float, broadcastable to (B, H, L, S), added to the scores.
        dropout_p: probability of dropping a weight.
        previous: weights of the previous step, (B, H, 1, S), for a stateful score or alignment.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    score: Score
    alignment: Alignment
    pattern: Pattern
    mask: Tensor | None = None
    bias: Tensor | None = None
    dropout_p: float = 0.0
    previous: Tensor | None = None

    def masked(self) -> tuple[Tensor | None, Tensor | None]:
        """The pattern joined with the mask, and the factor of the weights; None where there is none."""
        return self.pattern(self.query, self.key, self.mask)

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """The scores (B, H, L, S); a stateful score also gets ``previous``."""
        return self.score(query, key, previous=self.previous) if self.score.stateful else self.score(query, key)

    def align(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """The weights (B, H, L, S); a stateful alignment also gets ``previous``."""
        if self.alignment.stateful:
            return self.alignment(scores, mask, previous=self.previous)
        return self.alignment(scores, mask)

    def vectors(self) -> tuple[Tensor, Tensor, float]:
        """Query, key and scale with weights = softmax(scale query . key): an inner-product score with softmax."""
        assert isinstance(self.score, InnerProduct)
        assert isinstance(self.alignment, Softmax)
        scale = self.score.scale(self.query.shape[-1]) / self.alignment.temperature
        return *self.score.vectors(self.query, self.key), scale
