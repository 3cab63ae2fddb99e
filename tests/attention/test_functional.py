"""The reference: values of torch, gradients of finite differences, dropout, and rejected input."""

import pytest
import torch
import torch.nn.functional as F

from suite.attention.choices.alignments import Sigmoid
from suite.attention.choices.scores import Additive, Dot, ScaledDot
from suite.attention.functional import attend, masked_softmax
from tests.attention.conftest import B, D, H, L, S, gradients, some_mask, tensors


def test_equals_torch_in_values_and_gradients():
    for mask in (None, some_mask()):
        inputs = tensors()
        ours = attend(*inputs, score=ScaledDot(), mask=mask).context
        theirs = F.scaled_dot_product_attention(*inputs, attn_mask=mask)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(gradients(ours, inputs), gradients(theirs, inputs))


@pytest.mark.parametrize("score", [Dot(), Additive(H, D).double()], ids=lambda score: type(score).__name__)
def test_gradients_with_any_alignment_bias_and_factor_equal_finite_differences(score):
    mask, bias, factor = some_mask(), torch.randn(H, 1, S).double(), torch.rand(L, S).double()
    for alignment in (masked_softmax, Sigmoid()):
        torch.autograd.gradcheck(
            lambda *x, a=alignment: attend(*x, score=score, mask=mask, bias=bias, factor=factor, alignment=a).context,
            tensors(),
            fast_mode=True,
        )


def test_bias_is_added_to_the_scores_and_the_factor_multiplies_the_weights():
    query, key, value = tensors()
    bias, factor = torch.randn(H, L, S).double(), torch.rand(L, S).double()
    weights = (query @ key.mT + bias).softmax(-1) * factor
    output = attend(query, key, value, score=Dot(), bias=bias, factor=factor)
    torch.testing.assert_close(output.weights, weights)
    torch.testing.assert_close(output.context, weights @ value)


def test_dropout_changes_the_context_and_not_the_returned_weights():
    query, key, value = (x.detach() for x in tensors())
    torch.manual_seed(0)
    output = attend(query, key, value, score=ScaledDot(), dropout_p=0.5)
    undropped = attend(query, key, value, score=ScaledDot())
    torch.testing.assert_close(output.weights, undropped.weights)
    assert not torch.allclose(output.context, undropped.context)


def test_masked_softmax_gives_zeros_for_an_empty_row():
    scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[True, False, True], [False, False, False]]))
    torch.testing.assert_close(weights[0, [0, 2]], scores[0, [0, 2]].softmax(-1))
    assert weights[0, 1] == 0
    assert (weights[1] == 0).all()
    (gradient,) = torch.autograd.grad(weights.square().sum(), scores)
    assert gradient.isfinite().all()


def test_a_mask_of_another_type_raises_and_names_the_fix():
    with pytest.raises(
        TypeError, match=r"must be bool with True = may attend, got torch.float32; pass numbers .* bias="
    ):
        attend(*tensors(), score=Dot(), mask=torch.zeros(L, S))
    with pytest.raises(TypeError, match=r"torch.int64.*mask.bool\(\)"):
        attend(*tensors(), score=Dot(), mask=torch.ones(L, S, dtype=torch.long))


def test_shapes_that_do_not_match_raise():
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
