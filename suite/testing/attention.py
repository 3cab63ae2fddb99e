"""The contract of a score: tests that a score of your own inherits, in every layout."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value; N nodes, M edges

from typing import ClassVar

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.scores import Score
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.pooling import AttentionPooling, SegmentPooling
from suite.attention.ragged.edges import Edges
from suite.attention.ragged.segments import Segments


class AttentionContract:
    """Tests of a score in attention: values, gradients, empty rows and padding, dense and ragged.

    Inherit in a test file, define a pytest fixture ``score`` that builds the score for ``num_heads`` and ``head_dim``,
    and ``equation``, which computes one entry the way the source writes it::

        class TestDistance(AttentionContract):
            @pytest.fixture
            def score(self):
                return Distance(self.num_heads, self.head_dim)

            def equation(self, score, head, query, key, position):
                return -(query - key).square().sum()

    All tests run in float64 with random parameters; the tolerance of ``torch.testing.assert_close``, 1e-7, is far above
    the rounding of sums of this length.

    Attributes:
        num_heads: H.
        head_dim: D.
    """

    num_heads: ClassVar[int] = 3
    head_dim: ClassVar[int] = 4

    def equation(self, score: Score, head: int, query: Tensor, key: Tensor, position: int) -> Tensor:
        """One score: ``head`` of ``query`` (D,) with ``key`` (D,), which is key number ``position``."""
        raise NotImplementedError

    def test_scores_equal_the_equation(self, score: Score) -> None:
        _randomise(score)
        query, key, _ = self._dense()
        torch.testing.assert_close(score(query, key), self._scores(score, query, key))

    def test_attention_equals_the_plain_equation_on_every_path(self, score: Score) -> None:
        _randomise(score)
        query, key, value = self._dense()
        mask = torch.rand(2, 1, 5, 7) > 0.3
        mask[..., 0] = True
        weights = self._scores(score, query, key).masked_fill(~mask, -torch.inf).softmax(-1)
        for implementation in ("reference", "auto"):
            output = Attention(score, implementation=implementation)(query, key, value, mask=mask)
            torch.testing.assert_close(output.context, weights @ value)
        torch.testing.assert_close(Attention(score).weights(query, key, mask=mask), weights)

    def test_gradients_equal_finite_differences(self, score: Score) -> None:
        _randomise(score)
        tensors = [x.requires_grad_() for x in self._dense()]
        mask = torch.rand(5, 7) > 0.3

        def context(query: Tensor, key: Tensor, value: Tensor, *parameters: Tensor) -> Tensor:
            return Attention(score)(query, key, value, mask=mask).context

        assert torch.autograd.gradcheck(context, [*tensors, *score.parameters()], fast_mode=True)

    def test_an_empty_row_gives_zeros_and_finite_gradients(self, score: Score) -> None:
        _randomise(score)
        tensors = [x.requires_grad_() for x in self._dense()]
        mask = torch.ones(2, 1, 5, 7, dtype=torch.bool)
        mask[0, 0, 1], mask[1] = False, False
        for implementation in ("reference", "auto"):
            context = Attention(score, implementation=implementation)(*tensors, mask=mask).context
            assert bool((context[0, :, 1] == 0).all())
            assert bool((context[1] == 0).all())
            assert bool((context[0, :, 0] != 0).any())
            gradients = torch.autograd.grad(context.square().sum(), tensors, materialize_grads=True, allow_unused=True)
            assert all(bool(gradient.isfinite().all()) for gradient in gradients)

    def test_padding_changes_nothing(self, score: Score) -> None:
        _randomise(score)
        query, key, value = self._dense()
        attention = Attention(score)
        alone = attention(query, key[:, :, :4], value[:, :, :4]).context
        padded = attention(query, key, value, mask=torch.arange(7) < 4).context
        torch.testing.assert_close(padded, alone)

    def test_edges_equal_the_dense_layout(self, score: Score) -> None:
        _randomise(score)
        if score.needs_order:
            _assert_rejected(score)
            return
        index = torch.tensor([[0, 1, 2, 3, 1, 5, 0], [1, 1, 0, 4, 0, 5, 4]])  # nodes 2 and 3 receive nothing
        edges = Edges.from_index(index, 6)
        nodes = [torch.randn(6, self.num_heads, d, dtype=torch.float64).requires_grad_() for d in self._widths()]
        sparse = EdgeAttention(score)(*nodes, edges)
        dense = Attention(score)(*(x.transpose(0, 1)[None] for x in nodes), mask=edges.mask(), need_weights=True)
        context = dense.context[0].transpose(0, 1)
        assert sparse.weights is not None
        assert dense.weights is not None
        torch.testing.assert_close(sparse.context, context)
        torch.testing.assert_close(sparse.weights, dense.weights[0, :, index[1], index[0]].t())
        assert bool((sparse.context[2] == 0).all())
        probe = torch.randn_like(context)
        learnt = [*nodes, *score.parameters()]
        torch.testing.assert_close(
            torch.autograd.grad(sparse.context, learnt, probe), torch.autograd.grad(context, learnt, probe)
        )

    def test_segments_equal_padded_sets(self, score: Score) -> None:
        _randomise(score)
        if score.needs_order:
            _assert_rejected(score)
            return
        lengths = torch.tensor([3, 0, 4, 1])
        padded = AttentionPooling(6, Attention(score), self.num_heads, self.head_dim).double()
        ragged = SegmentPooling(6, EdgeAttention(score), self.num_heads, self.head_dim).double()
        ragged.load_state_dict(padded.state_dict())
        x, mask = torch.randn(4, 4, 6, dtype=torch.float64), torch.arange(4) < lengths[:, None]
        expected, found = padded(x, mask), ragged(x[mask], Segments.from_lengths(lengths))
        assert expected.weights is not None
        torch.testing.assert_close(found.context, expected.context)
        torch.testing.assert_close(found.weights, expected.weights[:, :, 0].transpose(1, 2)[mask])
        assert bool((found.context[1] == 0).all())

    def _widths(self) -> tuple[int, int, int]:
        return self.head_dim, self.head_dim, self.head_dim + 1

    def _dense(self) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(0)
        lengths = (5, 7, 7)
        query, key, value = (
            torch.randn(2, self.num_heads, length, width, dtype=torch.float64)
            for length, width in zip(lengths, self._widths(), strict=True)
        )
        return query, key, value

    def _scores(self, score: Score, query: Tensor, key: Tensor) -> Tensor:
        (B, H, L, _), S = query.shape, key.shape[2]
        entries = [
            self.equation(score, h, query[b, h, i], key[b, h, j], j)
            for b in range(B)
            for h in range(H)
            for i in range(L)
            for j in range(S)
        ]
        return torch.stack(entries).view(B, H, L, S)


def _randomise(score: Score) -> None:
    """Random parameters in float64: an equation must hold for all values, not only for the initial ones."""
    torch.manual_seed(1)
    for parameter in score.double().parameters():
        nn.init.normal_(parameter)


def _assert_rejected(score: Score) -> None:
    try:
        EdgeAttention(score)
    except ValueError:
        return
    raise AssertionError(f"EdgeAttention must reject {type(score).__name__}, which needs keys in order")
