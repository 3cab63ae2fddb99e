"""``Attention``: rows and padding for any choices, dropout, precision, short inputs, compilation, rejected choices."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounter

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Entmax15, Hard, Sigmoid, Softmax, Sparsemax
from suite.attention.choices.local_patterns import LocalPredictive
from suite.attention.choices.patterns import Causal, Full, Window
from suite.attention.choices.scores import Additive, Cosine, Dot, GATScore, ScaledDot
from suite.attention.layers.multihead import MultiheadAttention
from tests.attention.conftest import IMPLEMENTATIONS, B, D, H, L, S, V, gradients, needs_compiler, some_mask, tensors
from tests.numerics import sampling_bound


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_masked_equals_trimmed_and_rows_sum_to_one_or_zero(data):
    size = st.integers(1, 9)
    batch, heads, queries, keys, width = (data.draw(size) for _ in range(5))
    length = data.draw(st.integers(0, keys))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    query, key, value = (torch.randn(batch, heads, n, width).double() for n in (queries, keys, keys))
    score = data.draw(st.sampled_from([Dot(), ScaledDot(), Cosine(heads), Additive(heads, width)])).double()
    alignment = data.draw(st.sampled_from([Softmax(), Sparsemax(), Entmax15(), Sigmoid()]))
    mask = (torch.arange(keys) < length).expand(batch, 1, 1, keys)
    attention = Attention(score, alignment)
    padded = attention(query, key, value, mask=mask, need_weights=True)
    trimmed = attention(query, key[:, :, :length], value[:, :, :length], need_weights=True)
    torch.testing.assert_close(padded.context, trimmed.context)
    torch.testing.assert_close(padded.weights[..., :length], trimmed.weights)
    expected = torch.full((batch, heads, queries), float(length > 0)).double()
    torch.testing.assert_close(padded.weights.sum(-1), expected)
    torch.testing.assert_close(attention(query, key, value, mask=mask).context, padded.context)


def test_bias_is_added_to_the_scores_on_every_path():
    inputs = tensors()
    bias = torch.randn(H, L, S, dtype=torch.float64, requires_grad=True)
    for mask in (None, some_mask()):
        ours = Attention()(*inputs, mask=mask, bias=bias).context
        expected = Attention(implementation="reference")(*inputs, mask=mask, bias=bias).context
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(gradients(ours, (*inputs, bias)), gradients(expected, (*inputs, bias)))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("mask", [some_mask()[0, 0], some_mask()[0, 0, 1]], ids=["queries and keys", "keys"])
def test_masks_of_fewer_dimensions_broadcast(implementation, mask):
    inputs = tensors()
    ours = Attention(implementation=implementation)(*inputs, mask=mask).context
    expected = Attention(implementation="reference")(*inputs, mask=mask.expand(B, H, L, S)).context
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_dropout_keeps_the_mean_of_the_context_and_acts_during_training_only(implementation):
    query, key, value = (x.detach() for x in tensors())
    attention, draws = Attention(dropout=0.5, implementation=implementation), 2000
    torch.manual_seed(0)
    mean = torch.stack([attention(query, key, value).context for _ in range(draws)]).mean(0)
    expected = Attention()(query, key, value, need_weights=True)
    deviation = (expected.weights.square() @ value.square()).sqrt().max()  # of w v (keep / 0.5), summed over keys
    torch.testing.assert_close(mean, expected.context, atol=sampling_bound(draws, float(deviation)), rtol=0)
    torch.testing.assert_close(attention.eval()(query, key, value).context, expected.context)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_empty_rows_give_zeros_and_no_nan_in_any_precision(dtype, implementation, dropout):
    inputs = tensors(dtype)
    mask = some_mask()
    mask[1] = False  # a sample with empty rows only
    context = Attention(dropout=dropout, implementation=implementation)(*inputs, mask=mask).context
    assert context.isfinite().all()
    assert (context[1] == 0).all()
    assert (context[0, :, 0] == 0).all()
    assert all(g.isfinite().all() for g in gradients(context, inputs))


@pytest.mark.parametrize(("queries", "keys"), [(0, 3), (3, 0), (1, 1), (0, 0)])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_lengths_of_zero_and_one(queries, keys, implementation):
    inputs = tensors(L=queries, S=keys)
    for pattern, dropout in itertools.product((Full(), Causal(), Window(1, 1)), (0.0, 0.5)):
        context = Attention(pattern=pattern, dropout=dropout, implementation=implementation)(*inputs).context
        assert context.shape == (B, H, queries, V)
        assert context.isfinite().all()
        context.sum().backward()


@pytest.mark.parametrize("need_weights", [False, True])
def test_query_positions_place_each_query_for_the_pattern(need_weights):
    query, key, value = tensors()
    positions = torch.randint(0, S, (B, L))
    step = torch.arange(S) - positions[:, None, :, None]
    content = LocalPredictive(H, D).double()
    for pattern, allowed in ((Window(1, 2), (step >= -1) & (step <= 2)), (Causal(), step <= 0)):
        placed = Attention(pattern=pattern)(
            query, key, value, query_positions=positions, need_weights=need_weights
        ).context
        torch.testing.assert_close(placed, Attention()(query, key, value, mask=allowed).context)
        placed = Attention(pattern=content & pattern)(query, key, value, query_positions=positions).context
        torch.testing.assert_close(placed, Attention(pattern=content)(query, key, value, mask=allowed).context)
    one = Attention(pattern=Window(1, 1))(query, key, value, query_positions=positions[0]).context
    torch.testing.assert_close(one[:1], Attention()(query, key, value, mask=(step[:1].abs() <= 1)).context[:1])
    with pytest.raises(ValueError, match=r"query_positions must be ints .* = \(5,\) or .* = \(2, 5\), got .* \(2,\)"):
        Attention()(query, key, value, query_positions=positions[:, 0])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_second_derivatives_of_multi_head_attention_equal_finite_differences(dropout, implementation):
    torch.manual_seed(0)
    layer = MultiheadAttention(4, 2, Attention(dropout=dropout, implementation=implementation)).double()
    x = torch.randn(2, 3, 4).double().requires_grad_()

    def output(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return layer(x).context

    if (implementation, dropout) == ("auto", 0.0):
        with pytest.raises(RuntimeError, match="derivative for .* is not implemented"):  # by torch's kernel
            torch.autograd.gradgradcheck(output, x, fast_mode=True)
        return
    assert torch.autograd.gradgradcheck(output, x, fast_mode=True)


def test_log_prob_is_that_of_the_sampled_keys():
    query = torch.randn(B, H, L, 4, dtype=torch.float64, requires_grad=True)
    attention = Attention(alignment=Hard())
    out = attention(query, query, query)
    log_prob = attention.log_prob(query, query, out.weights)
    assert log_prob.shape == (B, H, L)
    log_prob.sum().backward()
    expected = attention.score(query, query).log_softmax(-1)[out.weights == 1]
    torch.testing.assert_close(log_prob.flatten(), expected)
    with pytest.raises(ValueError, match="alignment Softmax does not sample; use attention.alignment=hard"):
        Attention().log_prob(query, query, out.weights)


@pytest.mark.filterwarnings("ignore")  # warnings of the compiler
@pytest.mark.parametrize("pattern", [Full(), Causal()], ids=["full", "causal"])
@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
def test_one_compilation_serves_all_lengths(pattern, masked, cross):
    torch.compiler.reset()
    backend = CompileCounter()
    attention = Attention(pattern=pattern).eval()
    compiled = torch.compile(attention, backend=backend, dynamic=True, fullgraph=True)
    for batch, length in ((3, 5), (2, 7), (5, 6)):  # equal sizes would be one symbol
        num_keys = length * 2 if cross else length
        query = torch.randn(batch, 4, length, 8).double()
        key, value = (torch.randn(batch, 4, num_keys, 8).double() for _ in range(2))
        mask = (torch.arange(num_keys) < torch.arange(1, batch + 1)[:, None])[:, None, None] if masked else None
        torch.testing.assert_close(
            compiled(query, key, value, mask=mask).context, attention(query, key, value, mask=mask).context
        )
    assert backend.frame_count == 1


def test_bad_choices_raise():
    with pytest.raises(ValueError, match=r"dropout must be a probability in \[0, 1\), got 1.0"):
        Attention(dropout=1.0)
    with pytest.raises(ValueError, match="implementation must be 'auto', 'reference' or 'compiled', got 'fast'"):
        Attention(implementation="fast")


@needs_compiler
def test_choices_without_a_compiled_kernel_raise():
    for score, alignment in ((Additive(2, 3), Softmax()), (GATScore(2, 3), Softmax()), (ScaledDot(), Sparsemax())):
        with pytest.raises(
            ValueError, match=r"computes inner-product scores with softmax.*not (Add|GAT|Scaled).*'auto'"
        ):
            Attention(score, alignment, implementation="compiled")
