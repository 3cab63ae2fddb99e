"""The compiled kernels of dense attention, against torch and against the plain equation."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from suite.attention.attention import Attention
from suite.attention.capture import capture_weights
from suite.attention.choices.alignments import Softmax
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.positions import Rotary
from suite.attention.choices.scores import Cosine, General, ScaledDot
from suite.attention.compiled.dense import attend_compiled
from suite.attention.layers.multihead import MultiheadAttention
from tests.attention.conftest import needs_compiler
from tests.numerics import assert_within_rounding, attention_bounds, sampling_bound

pytestmark = needs_compiler


def tensors(B: int, H: int, L: int, S: int, D: int, V: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [torch.randn(B, H, n, d, dtype=dtype).requires_grad_() for n, d in ((L, D), (S, D), (S, V))]


def plain(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor, factor: Tensor | float = 1.0) -> Tensor:
    """The equation: masked softmax; rows without an allowed key are 0."""
    scores = (query @ key.mT).masked_fill(~allowed, -torch.inf)
    weights = scores.masked_fill(~allowed.any(-1, keepdim=True), 0.0).softmax(-1) * allowed
    return (weights * factor) @ value


def allowed_pairs(mask: Tensor | None, causal: bool, shape: tuple[int, ...]) -> Tensor:
    allowed = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
    return allowed & torch.ones(shape[-2:], dtype=torch.bool).tril(shape[-1] - shape[-2]) if causal else allowed


def dropped_weights(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, p: float, seed: int) -> Tensor:
    """The weights after dropout: the context of values that are unit vectors."""
    S = key.shape[2]
    torch.manual_seed(seed)
    return attend_compiled(query, key, torch.eye(S, dtype=key.dtype).expand(*key.shape[:2], S, S), mask, 1.0, causal, p)


MASKS = ("none", "keys", "keys of each head", "pairs", "holes")


def a_mask(kind: str, B: int, H: int, L: int, S: int) -> Tensor | None:
    if kind == "none":
        return None
    shape = {"keys": (B, 1, 1, S), "keys of each head": (B, H, 1, S), "pairs": (B, 1, L, S), "holes": (S,)}[kind]
    return torch.rand(shape) > 0.4


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.tuples(*(st.integers(1, n) for n in (3, 3, 30, 40, 20, 20))),
    kind=st.sampled_from(MASKS),
    causal=st.booleans(),
    p=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
)
def test_values_and_gradients_equal_the_equation(sizes, kind, causal, p, seed):
    torch.manual_seed(seed)
    inputs = tensors(*sizes)
    B, H, L, S, _, V = sizes
    mask = a_mask(kind, B, H, L, S)
    allowed, probe = allowed_pairs(mask, causal, (B, H, L, S)), torch.randn(B, H, L, V, dtype=torch.float64)
    factor: Tensor | float = 1.0
    if p:
        factor = (dropped_weights(*inputs[:2], mask, causal, p, seed).detach() != 0) / (1 - p)
        torch.manual_seed(seed)
    ours, expected = attend_compiled(*inputs, mask, 1.0, causal, p), plain(*inputs, allowed, factor)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(torch.autograd.grad(ours, inputs, probe), torch.autograd.grad(expected, inputs, probe))


@pytest.mark.parametrize(("L", "S"), [(1, 1), (1, 300), (300, 1), (97, 211), (400, 400)])
@pytest.mark.parametrize("causal", [False, True])
def test_float32_stays_within_the_rounding_bound_of_the_equation(L, S, causal):
    torch.manual_seed(0)
    inputs = tensors(2, 3, L, S, 36, 20, torch.float32)
    mask = torch.arange(S) < torch.tensor([S, S // 2 + 1])[:, None, None, None]
    allowed = allowed_pairs(mask, causal, (2, 3, L, S))
    probe, exact = torch.randn(2, 3, L, 20), [x.detach().double().requires_grad_() for x in inputs]
    ours, truth = attend_compiled(*inputs, mask, 1.0, causal), plain(*exact, allowed)
    results = [ours, *torch.autograd.grad(ours, inputs, probe)]
    expected = [truth, *torch.autograd.grad(truth, exact, probe.double())]
    largest = max(x.abs().max() for x in expected)
    for found, wanted, bound in zip(
        results, expected, attention_bounds(*exact, allowed, probe, torch.float32), strict=True
    ):
        assert ((found.double() - wanted).abs() <= bound).all()
        assert bound.max() <= 1e-2 * largest  # or the test could not fail


def test_gradients_with_dropout_and_a_mask_equal_finite_differences():
    torch.manual_seed(0)
    inputs, mask = tensors(2, 2, 5, 7, 3, 4), torch.rand(2, 1, 5, 7) > 0.3

    def call(*xs: Tensor) -> Tensor:
        torch.manual_seed(1)
        return attend_compiled(*xs, mask, 0.7, True, 0.4)

    assert torch.autograd.gradcheck(call, inputs)


@pytest.mark.parametrize("p", [0.0, 0.4])
@pytest.mark.parametrize("causal", [False, True])
def test_second_derivatives_equal_finite_differences(p, causal):
    torch.manual_seed(0)
    inputs, mask = tensors(2, 2, 5, 7, 3, 4), torch.rand(2, 1, 5, 7) > 0.3

    def call(*xs: Tensor) -> Tensor:
        torch.manual_seed(1)
        return attend_compiled(*xs, mask, 0.7, causal, p)

    assert torch.autograd.gradgradcheck(call, inputs, fast_mode=True)


def test_saved_tensors_may_come_back_with_other_strides():
    torch.manual_seed(0)
    inputs = tensors(2, 3, 5, 7, 4, 6)
    expected = torch.autograd.grad(attend_compiled(*inputs, None).square().sum(), inputs)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x.mT.contiguous().mT if x.dim() > 1 else x):
        out = attend_compiled(*inputs, None)
    torch.testing.assert_close(torch.autograd.grad(out.square().sum(), inputs), expected)


def test_shapes_that_do_not_match_raise():
    query, key, value = tensors(2, 3, 4, 5, 6, 7)
    with pytest.raises(ValueError, match="same width, got a query of width 6 and a key of width 5"):
        attend_compiled(query, key[..., :5], value, None)
    with pytest.raises(ValueError, match="every key needs one value, got 5 keys and 4 values"):
        attend_compiled(query, key, value[:, :, :4], None)
    with pytest.raises(ValueError, match="does not broadcast"):
        attend_compiled(query, key, value, torch.ones(2, 3, 4, 4, dtype=torch.bool))


def test_dropout_has_its_rate_and_is_independent_of_rows_columns_and_heads():
    query, key = torch.zeros(2, 3, 300, 1), torch.zeros(2, 3, 310, 1)
    keep = dropped_weights(query, key, None, False, 0.25, seed=3) != 0
    assert abs(keep.double().mean() - 0.75) < sampling_bound(keep.numel(), (0.25 * 0.75) ** 0.5)
    signs = keep.double() - keep.double().mean()
    spread = signs.square().mean()
    for shifts in ((0, 0, 0, 1), (0, 0, 1, 0), (0, 0, 1, 1), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 7, 31)):
        again = signs.roll(shifts, (0, 1, 2, 3))
        assert abs((signs * again).mean() / spread) < sampling_bound(keep.numel(), 1.0)
    for axis in (-1, -2):  # means of rows and of columns have the variance of independent draws
        means = keep.double().mean(axis)
        expected = (0.1875 / keep.shape[axis]) ** 0.5
        relative = sampling_bound(2 * means.numel(), 1.0)  # of a standard deviation: 1 / sqrt(2 n)
        assert means.std() == pytest.approx(expected, rel=relative)
    assert torch.equal(keep, dropped_weights(query, key, None, False, 0.25, seed=3) != 0)
    assert not torch.equal(keep, dropped_weights(query, key, None, False, 0.25, seed=4) != 0)


def test_without_dropout_no_random_number_is_drawn():
    inputs, before = tensors(1, 1, 3, 3, 2, 2), torch.get_rng_state()
    attend_compiled(*inputs, None)
    assert torch.equal(before, torch.get_rng_state())


def test_float_and_double_drop_the_same_weights():
    query, key = torch.randn(1, 2, 9, 4), torch.randn(1, 2, 33, 4)
    single = dropped_weights(query, key, None, False, 0.5, seed=0) != 0
    assert torch.equal(single, dropped_weights(query.double(), key.double(), None, False, 0.5, seed=0) != 0)


def test_results_do_not_depend_on_the_number_of_threads():
    inputs, results = tensors(3, 2, 50, 60, 8, 8, torch.float32), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        out = attend_compiled(*inputs, None, 0.3, True, 0.2)
        results.append([out, *torch.autograd.grad(out.square().sum(), inputs)])
    torch.set_num_threads(1)
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_and_inf_propagate(bad):
    for place in range(3):
        inputs = [x.detach().clone() for x in tensors(1, 1, 4, 9, 3, 3, torch.float32)]
        inputs[place][0, 0, 2, 1] = bad
        assert not attend_compiled(*inputs, None).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype):
    torch.manual_seed(0)
    inputs = [x.detach().to(dtype) for x in tensors(2, 2, 40, 50, 8, 8, torch.float32)]
    ours = attend_compiled(*inputs, None)
    assert ours.dtype == dtype
    assert_within_rounding(ours, plain(*(x.double() for x in inputs), torch.tensor([True])), terms=1)


def test_tensors_may_have_any_strides():
    torch.manual_seed(0)
    strided = [torch.randn(d, 2, n, 3).double().permute(3, 1, 2, 0) for n, d in ((5, 4), (7, 4), (7, 6))]
    expected = attend_compiled(*(x.contiguous() for x in strided), None)
    torch.testing.assert_close(attend_compiled(*strided, None), expected)
    expanded = strided[2][:, :1].expand(3, 2, 7, 6)
    torch.testing.assert_close(
        attend_compiled(*strided[:2], expanded, None), attend_compiled(*strided[:2], expanded.contiguous(), None)
    )


@pytest.mark.parametrize("make", [ScaledDot, lambda: General(3, 4), lambda: Cosine(3)])
@pytest.mark.parametrize("pattern", [None, Causal(), Window(2, 1)])
def test_every_inner_product_and_pattern_equals_the_reference(make, pattern):
    torch.manual_seed(0)
    inputs, score = tensors(2, 3, 6, 8, 4, 5), make().double()
    mask, alignment = torch.arange(8) < torch.tensor([8, 5])[:, None, None, None], Softmax(temperature=0.7)
    results = []
    for implementation in ("compiled", "reference"):
        attention = Attention(score, alignment, pattern, implementation=implementation)
        out = attention(*inputs, mask=mask).context
        results.append([out, *torch.autograd.grad(out.square().sum(), [*inputs, *score.parameters()])])
    torch.testing.assert_close(*results)


def test_grouped_heads_positions_and_a_cache():
    torch.manual_seed(0)
    x, layers = torch.randn(2, 9, 12).double(), []
    for implementation in ("compiled", "reference"):
        attention = Attention(pattern=Causal(), implementation=implementation)
        layers.append(MultiheadAttention(12, 6, attention, num_kv_heads=2, positions=[Rotary(2)]).double())
    ours, reference = layers
    ours.load_state_dict(reference.state_dict())
    expected = reference(x).context
    torch.testing.assert_close(ours(x).context, expected)
    cache, steps = None, []
    for step in x.split(2, dim=1):
        cache = ours.extend(step, cache)
        steps.append(ours(step, cache=cache).context)
    torch.testing.assert_close(torch.cat(steps, 1), expected)


def test_weights_are_captured_beside_the_kernel():
    layer = MultiheadAttention(8, 2, Attention(implementation="compiled")).double()
    with capture_weights(layer) as maps:
        layer(torch.randn(3, 5, 8).double())
    (weights,) = maps[""]
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 5).double())


def test_export_takes_torchs_kernel():
    layer = MultiheadAttention(8, 2, Attention(pattern=Causal(), implementation="compiled")).double().eval()
    x = torch.randn(2, 5, 8).double()
    exported = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(exported(x).context, layer(x).context)


def test_another_device_raises():
    with pytest.raises(ValueError, match="needs tensors on the CPU, got meta; use 'auto'"):
        attend_compiled(*(x.to("meta") for x in tensors(1, 1, 2, 2, 2, 2)), None)


def test_it_equals_scaled_dot_product_attention():
    torch.manual_seed(0)
    inputs = tensors(2, 4, 33, 33, 16, 16)
    ours = Attention(pattern=Causal(), implementation="compiled")(*inputs).context
    theirs = F.scaled_dot_product_attention(*inputs, is_causal=True)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), inputs), torch.autograd.grad(theirs.square().sum(), inputs)
    )
