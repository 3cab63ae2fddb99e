"""The reference, and every fast path against it: values, gradients, empty rows, precision, bad input."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Entmax15, Sigmoid, Softmax, Sparsemax
from suite.attention.choices.block_patterns import GlobalLocal
from suite.attention.choices.local_patterns import LocalPredictive
from suite.attention.choices.patterns import Causal, Full, Window
from suite.attention.choices.scores import Additive, Concat, Cosine, Dot, GATv2Score, General, ScaledDot, Score
from suite.attention.fast import dropout_on_cpu, paths
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.choose import choose
from suite.attention.fast.paths import chunks_path, cpu_dropout_path, reference_path, sdpa_path, tiles_path
from suite.attention.functional import attend, masked_softmax
from tests.attention.conftest import IMPLEMENTATIONS

B, H, L, S, D, V = 2, 3, 5, 7, 4, 11  # distinct, so that no transposed axis can hide


def tensors(dtype: torch.dtype = torch.float64, L: int = L, S: int = S, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    shapes = ((B, H, L, D), (B, H, S, D), (B, H, S, V))
    return tuple(torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes)


def some_mask(L: int = L, S: int = S) -> Tensor:
    mask = torch.rand(B, 1, L, S) > 0.4
    mask[0, 0, 0] = False  # a row that may attend to nothing
    return mask


def scores() -> list[Score]:
    torch.manual_seed(1)
    sized = [cls(H, D).double() for cls in (General, Additive, Concat, GATv2Score)]
    return [Dot(), ScaledDot(), Cosine(H).double(), *sized]


def gradients(context: Tensor, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    weight = torch.linspace(-1, 1, context.numel(), dtype=context.dtype).view_as(context)
    return torch.autograd.grad((context * weight).sum(), inputs)


def test_reference_equals_torch_sdpa_in_values_and_gradients():
    for mask in (None, some_mask()):
        inputs = tensors()
        ours = attend(*inputs, score=ScaledDot(), mask=mask).context
        theirs = F.scaled_dot_product_attention(*inputs, attn_mask=mask)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(gradients(ours, inputs), gradients(theirs, inputs))


@pytest.mark.parametrize("score", scores(), ids=lambda score: type(score).__name__)
def test_reference_has_the_gradients_of_finite_differences(score):
    mask = some_mask()
    for alignment in (masked_softmax, Sigmoid()):
        torch.autograd.gradcheck(
            lambda *x, a=alignment: attend(*x, score=score, mask=mask, alignment=a).context, tensors(), fast_mode=True
        )


PATHS = [
    *[(path, score) for path in (sdpa_path, chunks_path, tiles_path) for score in scores()[:4]],
    *[(path, score) for path in (chunks_path, tiles_path) for score in scores()[4:]],
]


@pytest.mark.parametrize(("path", "score"), PATHS, ids=lambda x: getattr(x, "__name__", type(x).__name__))
@pytest.mark.parametrize("masked", [False, True])
def test_every_fast_path_equals_the_reference(path, score, masked, monkeypatch):
    monkeypatch.setattr(paths, "CHUNK", 100)
    length = 300 if path is tiles_path else 13
    inputs = tensors(L=length, S=length)
    pattern = Window(2, 3) & Causal() if path is tiles_path else Causal()
    call = AttentionCall(*inputs, score, Softmax(0.7), pattern, some_mask(length, length) if masked else None)
    ours, wanted = path(call).context, reference_path(call).context
    torch.testing.assert_close(ours, wanted)
    learnt = (*inputs, *score.parameters())
    torch.testing.assert_close(gradients(ours, learnt), gradients(wanted, learnt))


@pytest.mark.parametrize("alignment", [Sparsemax(), Entmax15(), Sigmoid()], ids=lambda a: type(a).__name__)
def test_tiles_serve_every_rowwise_alignment(alignment):
    inputs = tensors(L=300, S=300)
    call = AttentionCall(*inputs, ScaledDot(), alignment, GlobalLocal(2, 5), some_mask(1, 300))
    ours, wanted = tiles_path(call).context, reference_path(call).context
    torch.testing.assert_close(ours, wanted)
    torch.testing.assert_close(gradients(ours, inputs), gradients(wanted, inputs))


@pytest.mark.parametrize(
    "mask", [None, some_mask(), some_mask(1, S), some_mask()[0, 0]], ids=["none", "rows", "keys", "2d"]
)
def test_streamed_dropout_equals_the_equation_with_the_same_mask(mask, monkeypatch):
    monkeypatch.setattr(dropout_on_cpu, "CHUNK_SCORES", 40)  # several pieces
    inputs = tensors()
    call = AttentionCall(*inputs, ScaledDot(), Softmax(), Full(), mask, dropout_p=0.25)
    torch.manual_seed(3)
    ours = cpu_dropout_path(call).context
    torch.manual_seed(3)
    keep = dropout_on_cpu.keep_mask(torch.Size((B, H, L, S)), 0.25, torch.device("cpu"))
    wanted = (masked_softmax(ScaledDot()(*inputs[:2]), mask) * keep / 0.75) @ inputs[2]
    torch.testing.assert_close(ours, wanted)
    torch.testing.assert_close(gradients(ours, inputs), gradients(wanted, inputs))


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (33, 33), (131, 131), (3, 70), (70, 37)])
def test_bands_of_a_causal_pattern_leave_out_nothing_that_is_allowed(queries, keys, monkeypatch):
    monkeypatch.setattr(dropout_on_cpu, "CHUNK_SCORES", 500)
    inputs = tensors(L=queries, S=keys)
    call = AttentionCall(*inputs, ScaledDot(), Softmax(), Causal(), dropout_p=0.25)
    torch.manual_seed(3)
    ours = cpu_dropout_path(call).context
    torch.manual_seed(3)
    keep = torch.zeros(B, H, queries, keys)
    for rows, reach in dropout_on_cpu.causal_bands(queries, keys):
        part = keep[:, :, rows, :reach]
        part.copy_(dropout_on_cpu.keep_mask(part.shape, 0.25, torch.device("cpu")))
    mask = Causal().mask(queries, keys)
    wanted = (masked_softmax(ScaledDot()(*inputs[:2]), mask) * keep / 0.75) @ inputs[2]
    torch.testing.assert_close(ours, wanted)
    torch.testing.assert_close(gradients(ours, inputs), gradients(wanted, inputs))


def test_tiles_draw_the_same_dropout_on_the_way_back():
    inputs = tensors(L=300, S=300)
    call = AttentionCall(*inputs, Additive(H, D).double(), Softmax(), Window(2, 2), dropout_p=0.5)

    def context(*x: Tensor) -> Tensor:
        torch.manual_seed(5)
        return tiles_path(AttentionCall(*x, call.score, call.alignment, call.pattern, dropout_p=0.5)).context

    direction = [torch.randn_like(x) for x in inputs]
    step = 1e-6
    ahead, behind = (context(*[x + s * d for x, d in zip(inputs, direction, strict=True)]).sum() for s in (step, -step))
    slope = sum(
        (g * d).sum() for g, d in zip(torch.autograd.grad(context(*inputs).sum(), inputs), direction, strict=True)
    )
    torch.testing.assert_close((ahead - behind) / (2 * step), slope, rtol=1e-6, atol=1e-6)


def test_dropout_leaves_the_returned_weights_whole_and_the_context_right_on_average():
    query, key, value = (x.detach() for x in tensors())
    torch.manual_seed(0)
    out = attend(query, key, value, score=ScaledDot(), dropout_p=0.5)
    torch.testing.assert_close(out.weights.sum(-1), torch.ones(B, H, L, dtype=torch.float64))
    module = Attention(dropout=0.5)
    mean = torch.stack([module(query, key, value).context for _ in range(2000)]).mean(0)
    torch.testing.assert_close(mean, attend(query, key, value, score=ScaledDot()).context, atol=0.12, rtol=0)
    assert torch.equal(module.eval()(query, key, value).context, Attention()(query, key, value).context)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_no_nan_where_rows_are_empty_in_any_precision(dtype, implementation, dropout):
    inputs = tensors(dtype)
    mask = some_mask()
    mask[1] = False  # a whole sample of empty rows
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


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_masked_equals_trimmed_and_rows_sum_to_one_or_zero(data):
    size = st.integers(1, 9)
    batch, heads, queries, keys, width = (data.draw(size) for _ in range(5))
    length = data.draw(st.integers(0, keys))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    query, key, value = (torch.randn(batch, heads, n, width) for n in (queries, keys, keys))
    score = data.draw(st.sampled_from([Dot(), ScaledDot(), Cosine(heads), Additive(heads, width)]))
    alignment = data.draw(st.sampled_from([Softmax(), Sparsemax(), Entmax15(), Sigmoid()]))
    mask = (torch.arange(keys) < length).expand(batch, 1, 1, keys)
    attention = Attention(score, alignment)
    padded = attention(query, key, value, mask=mask, need_weights=True)
    trimmed = attention(query, key[:, :, :length], value[:, :, :length], need_weights=True)
    torch.testing.assert_close(padded.context, trimmed.context, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded.weights[..., :length], trimmed.weights, atol=1e-5, rtol=1e-5)
    wanted = torch.full((batch, heads, queries), float(length > 0))
    torch.testing.assert_close(padded.weights.sum(-1), wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(attention(query, key, value, mask=mask).context, padded.context, atol=1e-5, rtol=1e-5)


def test_bias_is_added_to_the_scores_on_every_path():
    inputs = tensors()
    bias = torch.randn(H, L, S, dtype=torch.float64, requires_grad=True)
    for mask in (None, some_mask()):
        ours = Attention()(*inputs, mask=mask, bias=bias).context
        wanted = Attention(implementation="reference")(*inputs, mask=mask, bias=bias).context
        torch.testing.assert_close(ours, wanted)
        torch.testing.assert_close(gradients(ours, (*inputs, bias)), gradients(wanted, (*inputs, bias)))


def test_a_mask_of_another_type_is_refused_with_the_remedy():
    with pytest.raises(
        TypeError, match=r"mask must be bool with True = may attend, got torch.float32; pass numbers .* bias="
    ):
        Attention()(*tensors(), mask=torch.zeros(L, S))
    with pytest.raises(TypeError, match=r"torch.int64.*mask.bool\(\)"):
        attend(*tensors(), score=Dot(), mask=torch.ones(L, S, dtype=torch.long))


def test_shapes_that_do_not_fit_are_refused():
    query, key, value = tensors()
    with pytest.raises(
        ValueError, match=r"mask of shape \(2, 7\) does not broadcast .* \(2, 3, 5, 7\); .*None, None, :"
    ):
        attend(query, key, value, score=Dot(), mask=torch.ones(B, S, dtype=torch.bool))
    with pytest.raises(ValueError, match="every key needs one value, got 7 keys and 6 values"):
        attend(query, key, value[:, :, :6], score=Dot())
    with pytest.raises(ValueError, match=r"agree in batch and heads, got query \(2, 1, 5, 4\)"):
        attend(query[:, :1], key, value, score=Dot())
    with pytest.raises(ValueError, match=r"must be \(batch, heads, length, width\)"):
        attend(query[0], key, value, score=Dot())


def test_bad_choices_are_refused():
    with pytest.raises(ValueError, match=r"dropout must be a probability in \[0, 1\), got 1.0"):
        Attention(dropout=1.0)
    with pytest.raises(ValueError, match="implementation must be 'auto', 'reference' or 'compiled', got 'fast'"):
        Attention(implementation="fast")


def test_the_choice_of_a_path_follows_its_table():
    def chosen(length: int = 40, **changes: object) -> str:
        x = torch.zeros(1, H, length, D)
        choices = {"score": ScaledDot(), "alignment": Softmax(), "pattern": Full(), **changes}
        return choose(AttentionCall(x, x, x, **choices)).__name__

    assert chosen() == chosen(pattern=Causal()) == chosen(score=General(H, D)) == "sdpa_path"
    assert chosen(dropout_p=0.1) == "cpu_dropout_path"
    assert chosen(dropout_p=0.1, bias=torch.zeros(40, 40)) == "sdpa_path"
    assert chosen(600, pattern=Window(3, 3)) == chosen(600, pattern=Window(3, 3), alignment=Sparsemax()) == "tiles_path"
    assert chosen(pattern=Window(3, 3)) == "sdpa_path", "too short for tiles to gain"
    assert chosen(600, score=Additive(H, D)) == "chunks_path"
    assert (
        chosen(score=Additive(H, D))
        == chosen(alignment=Sparsemax())
        == chosen(pattern=LocalPredictive(H, D))
        == "reference_path"
    )


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("pattern", [Window(9, 3), GlobalLocal(2, 5), Causal() & Window(4, 4)], ids=repr)
def test_flex_attention_equals_the_reference(pattern, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # uncompiled it runs on a CPU, forward only
    query, key, value = (torch.randn(B, H, 150, 16) for _ in range(3))
    call = AttentionCall(query, key, value, Cosine(H), Softmax(0.5), pattern)
    with torch.no_grad():
        torch.testing.assert_close(paths.flex_path(call).context, reference_path(call).context)


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("pattern", [Full(), Causal()], ids=["full", "causal"])
@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
def test_one_compilation_serves_all_lengths(pattern, masked, cross):
    torch.compiler.reset()
    backend = CompileCounter()
    attention = Attention(pattern=pattern).eval()
    compiled = torch.compile(attention, backend=backend, dynamic=True, fullgraph=True)
    for batch, length in ((3, 5), (2, 7), (5, 6)):  # sizes that are equal would be one symbol
        num_keys = length * 2 if cross else length
        query = torch.randn(batch, 4, length, 8)
        key, value = (torch.randn(batch, 4, num_keys, 8) for _ in range(2))
        mask = (torch.arange(num_keys) < torch.arange(1, batch + 1)[:, None])[:, None, None] if masked else None
        torch.testing.assert_close(
            compiled(query, key, value, mask=mask).context, attention(query, key, value, mask=mask).context
        )
    assert backend.frame_count == 1
