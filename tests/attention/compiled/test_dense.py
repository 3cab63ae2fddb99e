"""The compiled kernels of dense attention, against torch and against the plain equation."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from suite.attention.attention import Attention
from suite.attention.capture import capture_weights
from suite.attention.choices.alignments import Softmax, Sparsemax
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.positions import Rotary
from suite.attention.choices.scores import Additive, Cosine, General, ScaledDot
from suite.attention.compiled.dense import attend_compiled
from suite.attention.layers.multihead import MultiheadAttention
from tests.attention.conftest import needs_compiler

pytestmark = needs_compiler


def tensors(B: int, H: int, L: int, S: int, D: int, V: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [torch.randn(B, H, n, d, dtype=dtype).requires_grad_() for n, d in ((L, D), (S, D), (S, V))]


def plain(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor, factor: Tensor | float = 1.0) -> Tensor:
    """The equation: masked softmax, rows without a key are 0."""
    scores = (query @ key.mT).masked_fill(~allowed, -torch.inf)
    weights = scores.masked_fill(~allowed.any(-1, keepdim=True), 0.0).softmax(-1) * allowed
    return (weights * factor) @ value


def allowed_pairs(mask: Tensor | None, causal: bool, shape: tuple[int, ...]) -> Tensor:
    allowed = torch.ones(shape, dtype=torch.bool) if mask is None else mask.expand(shape)
    return allowed & torch.ones(shape[-2:], dtype=torch.bool).tril(shape[-1] - shape[-2]) if causal else allowed


def left(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, p: float, seed: int) -> Tensor:
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
def test_values_and_gradients_are_those_of_the_equation(sizes, kind, causal, p, seed):
    torch.manual_seed(seed)
    inputs = tensors(*sizes)
    B, H, L, S, _, V = sizes
    mask = a_mask(kind, B, H, L, S)
    allowed, probe = allowed_pairs(mask, causal, (B, H, L, S)), torch.randn(B, H, L, V, dtype=torch.float64)
    factor: Tensor | float = 1.0
    if p:
        factor = (left(*inputs[:2], mask, causal, p, seed).detach() != 0) / (1 - p)
        torch.manual_seed(seed)
    ours, wanted = attend_compiled(*inputs, mask, 1.0, causal, p), plain(*inputs, allowed, factor)
    torch.testing.assert_close(ours, wanted)
    for mine, theirs in zip(
        torch.autograd.grad(ours, inputs, probe), torch.autograd.grad(wanted, inputs, probe), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(("L", "S"), [(1, 1), (1, 300), (300, 1), (97, 211), (400, 400)])
@pytest.mark.parametrize("causal", [False, True])
def test_float32_is_as_near_to_float64_as_torch_is(L, S, causal):
    torch.manual_seed(0)
    inputs = tensors(2, 3, L, S, 36, 20, torch.float32)
    mask = torch.arange(S) < torch.tensor([S, S // 2 + 1])[:, None, None, None]
    allowed = allowed_pairs(mask, causal, (2, 3, L, S))
    probe, exact = torch.randn(2, 3, L, 20), [x.detach().double().requires_grad_() for x in inputs]
    results = []
    for call, given_ in (
        (lambda q, k, v: attend_compiled(q, k, v, mask, 1.0, causal), inputs),
        (lambda q, k, v: plain(q, k, v, allowed), inputs),
        (lambda q, k, v: plain(q, k, v, allowed), exact),
    ):
        out = call(*given_)
        results.append([out, *torch.autograd.grad(out, given_, probe.to(out.dtype))])
    for ours, torchs, truth in zip(*results, strict=True):
        error, usual = ((x.double() - truth).abs().max() for x in (ours, torchs))
        assert error <= 4 * usual + 1e-6


def test_gradcheck_with_dropout_and_a_mask():
    torch.manual_seed(0)
    inputs, mask = tensors(2, 2, 5, 7, 3, 4), torch.rand(2, 1, 5, 7) > 0.3

    def call(*xs: Tensor) -> Tensor:
        torch.manual_seed(1)
        return attend_compiled(*xs, mask, 0.7, True, 0.4)

    assert torch.autograd.gradcheck(call, inputs)


def test_dropout_has_its_rate_and_knows_no_rows_columns_or_heads():
    query, key = torch.zeros(2, 3, 300, 1), torch.zeros(2, 3, 310, 1)
    kept = left(query, key, None, False, 0.25, seed=3) != 0
    assert abs(kept.double().mean() - 0.75) < 4 * (0.25 * 0.75 / kept.numel()) ** 0.5
    signs = kept.double() - kept.double().mean()
    spread = signs.square().mean()
    for shifts in ((0, 0, 0, 1), (0, 0, 1, 0), (0, 0, 1, 1), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 7, 31)):
        again = signs.roll(shifts, (0, 1, 2, 3))
        assert abs((signs * again).mean() / spread) < 5 / kept.numel() ** 0.5
    for axis in (-1, -2):  # means of rows and columns spread as those of independent draws
        means = kept.double().mean(axis)
        assert means.std() == pytest.approx((0.1875 / kept.shape[axis]) ** 0.5, rel=0.1)
    assert torch.equal(kept, left(query, key, None, False, 0.25, seed=3) != 0)
    assert not torch.equal(kept, left(query, key, None, False, 0.25, seed=4) != 0)


def test_without_dropout_no_random_number_is_drawn():
    inputs, before = tensors(1, 1, 3, 3, 2, 2), torch.get_rng_state()
    attend_compiled(*inputs, None)
    assert torch.equal(before, torch.get_rng_state())


def test_float_and_double_draw_alike():
    query, key = torch.randn(1, 2, 9, 4), torch.randn(1, 2, 33, 4)
    single = left(query, key, None, False, 0.5, seed=0) != 0
    assert torch.equal(single, left(query.double(), key.double(), None, False, 0.5, seed=0) != 0)


def test_numbers_do_not_depend_on_the_threads():
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
def test_a_number_that_is_none_is_seen(bad):
    for place in range(3):
        inputs = [x.detach().clone() for x in tensors(1, 1, 4, 9, 3, 3, torch.float32)]
        inputs[place][0, 0, 2, 1] = bad
        assert not attend_compiled(*inputs, None).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    inputs = [x.detach().to(dtype) for x in tensors(2, 2, 40, 50, 8, 8, torch.float32)]
    ours = attend_compiled(*inputs, None)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, plain(*(x.float() for x in inputs), torch.tensor([True])).to(dtype))


def test_tensors_may_stand_in_any_order_in_memory():
    torch.manual_seed(0)
    scattered = [torch.randn(d, 2, n, 3).permute(3, 1, 2, 0) for n, d in ((5, 4), (7, 4), (7, 6))]
    wanted = attend_compiled(*(x.contiguous() for x in scattered), None)
    torch.testing.assert_close(attend_compiled(*scattered, None), wanted)
    expanded = scattered[2][:, :1].expand(3, 2, 7, 6)
    torch.testing.assert_close(
        attend_compiled(*scattered[:2], expanded, None), attend_compiled(*scattered[:2], expanded.contiguous(), None)
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


def test_heads_in_groups_positions_and_a_cache():
    torch.manual_seed(0)
    x, layers = torch.randn(2, 9, 12), []
    for implementation in ("compiled", "reference"):
        attention = Attention(pattern=Causal(), implementation=implementation)
        layers.append(MultiheadAttention(12, 6, attention, num_kv_heads=2, positions=[Rotary(2)]))
    ours, reference = layers
    ours.load_state_dict(reference.state_dict())
    torch.testing.assert_close(ours(x).context, reference(x).context)
    cache, parts = None, []
    for step in x.split(2, dim=1):
        cache = ours.extend(step, cache)
        parts.append(ours(step, cache=cache).context)
    torch.testing.assert_close(torch.cat(parts, 1), reference(x).context)


def test_weights_are_captured_beside_the_kernel():
    layer = MultiheadAttention(8, 2, Attention(implementation="compiled"))
    x = torch.randn(3, 5, 8)
    with capture_weights(layer) as maps:
        layer(x)
    (weights,) = itertools.chain(*maps.values()) if isinstance(next(iter(maps.values())), list) else maps.values()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 5))


def test_export_and_compilation_take_torchs_kernel():
    layer = MultiheadAttention(8, 2, Attention(pattern=Causal(), implementation="compiled")).eval()
    x = torch.randn(2, 5, 8)
    exported = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(exported(x).context, layer(x).context)


def test_choices_that_no_kernel_serves_are_refused():
    for score, alignment in ((Additive(2, 3), Softmax()), (ScaledDot(), Sparsemax())):
        with pytest.raises(ValueError, match=r"computes inner-product scores with softmax.*not (Add|Scaled).*'auto'"):
            Attention(score, alignment, implementation="compiled")
    with pytest.raises(ValueError, match="needs tensors on the CPU, got meta; use 'auto'"):
        attend_compiled(*(x.to("meta") for x in tensors(1, 1, 2, 2, 2, 2)), None)


def test_it_equals_scaled_dot_product_attention():
    torch.manual_seed(0)
    inputs = tensors(2, 4, 33, 33, 16, 16, torch.float32)
    ours = Attention(pattern=Causal(), implementation="compiled")(*inputs).context
    theirs = F.scaled_dot_product_attention(*inputs, is_causal=True)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), inputs), torch.autograd.grad(theirs.square().sum(), inputs)
    )
