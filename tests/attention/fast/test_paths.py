"""Every path equals the reference in values and gradients."""

import pytest
import torch

from suite.attention.choices.alignments import Entmax15, Sigmoid, Softmax, Sparsemax
from suite.attention.choices.block_patterns import GlobalLocal
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.scores import Additive, Concat, Cosine, Dot, GATv2Score, General, ScaledDot, Score
from suite.attention.fast import paths
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.paths import chunks_path, kernels_path, reference_path, sdpa_path, tiles_path
from tests.attention.conftest import D, H, gradients, needs_compiler, some_mask, tensors


def scores() -> list[Score]:
    torch.manual_seed(1)
    inner_products = [Dot(), ScaledDot(), Cosine(H).double(), General(H, D).double()]
    return [*inner_products, *(cls(H, D).double() for cls in (Additive, Concat, GATv2Score))]


PATHS = [
    *[(path, score) for path in (sdpa_path, chunks_path, tiles_path) for score in scores()[:4]],
    *[pytest.param(kernels_path, score, marks=needs_compiler) for score in scores()[:4]],
    *[(path, score) for path in (chunks_path, tiles_path) for score in scores()[4:]],
]


@pytest.mark.parametrize(("path", "score"), PATHS, ids=lambda x: getattr(x, "__name__", type(x).__name__))
@pytest.mark.parametrize("masked", [False, True])
def test_every_path_equals_the_reference(path, score, masked, monkeypatch):
    monkeypatch.setattr(paths, "CHUNK", 100)
    length = 300 if path is tiles_path else 13
    inputs = tensors(L=length, S=length)
    pattern = Window(2, 3) & Causal() if path is tiles_path else Causal()
    mask = some_mask(length, length) if masked else None
    call = AttentionCall(*inputs, score, Softmax(0.7), pattern, mask)
    ours, expected = path(call).context, reference_path(call).context
    torch.testing.assert_close(ours, expected)
    learnt = (*inputs, *score.parameters())
    torch.testing.assert_close(gradients(ours, learnt), gradients(expected, learnt))


@pytest.mark.parametrize("alignment", [Sparsemax(), Entmax15(), Sigmoid()], ids=lambda a: type(a).__name__)
def test_tiles_serve_every_rowwise_alignment(alignment):
    inputs = tensors(L=300, S=300)
    call = AttentionCall(*inputs, ScaledDot(), alignment, GlobalLocal(2, 5), some_mask(1, 300))
    ours, expected = tiles_path(call).context, reference_path(call).context
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, inputs), gradients(expected, inputs))
