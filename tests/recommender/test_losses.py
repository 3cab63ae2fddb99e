"""Losses compared with the plain equation, values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tasks.recommender import losses
from tasks.recommender.losses import BinaryCrossEntropy, FullSoftmax, GeneralizedBCE, ItemLoss, SampledSoftmax

N, E, ITEMS = 13, 5, 7


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    hidden = torch.randn(N, E, dtype=torch.float64, requires_grad=True)
    table = torch.randn(ITEMS + 1, E, dtype=torch.float64, requires_grad=True)
    return hidden, torch.randint(1, ITEMS + 1, (N,)), table


@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
def test_full_softmax_is_cross_entropy(
    inputs: tuple[Tensor, Tensor, Tensor], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "CHUNK", chunk)
    hidden, targets, table = inputs
    ours = 3.0 * FullSoftmax()(hidden, targets, table)
    plain = 3.0 * F.cross_entropy(hidden @ table[1:].t(), targets - 1)
    torch.testing.assert_close(ours, plain)
    for mine, other in zip(
        torch.autograd.grad(ours, [hidden, table]), torch.autograd.grad(plain, [hidden, table]), strict=True
    ):
        torch.testing.assert_close(mine, other)


def test_full_softmax_of_large_scores_is_finite() -> None:
    hidden, table = torch.full((2, 3), 100.0), torch.full((5, 3), 100.0)
    table[2] = -100.0
    loss = FullSoftmax()(hidden, torch.tensor([1, 3]), table)
    torch.testing.assert_close(loss, torch.tensor(3.0).log())


def test_a_chunk_of_scores_has_at_most_256_megabytes() -> None:
    assert losses.CHUNK * 4 <= 256 << 20


@pytest.mark.parametrize("loss", [FullSoftmax(), SampledSoftmax(3), BinaryCrossEntropy(), GeneralizedBCE(3)])
def test_no_position_gives_zero_and_one_item_a_finite_loss(loss: ItemLoss) -> None:
    assert loss(torch.zeros(0, E), torch.zeros(0, dtype=torch.long), torch.randn(ITEMS + 1, E)) == 0.0
    assert loss(torch.randn(2, E), torch.ones(2, dtype=torch.long), torch.randn(2, E)).isfinite()


def test_sampled_softmax_equals_the_softmax_of_the_drawn_items(
    inputs: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, targets, table = inputs
    drawn = torch.tensor([2, 5, 5, 1])
    monkeypatch.setattr(torch, "randint", lambda *args, **kwargs: drawn)
    each = []
    for h, target in zip(hidden, targets.tolist(), strict=True):
        among = [target, *(item for item in drawn.tolist() if item != target)]
        each.append(-torch.stack([h @ table[item] for item in among]).log_softmax(0)[0])
    torch.testing.assert_close(SampledSoftmax(4)(hidden, targets, table), torch.stack(each).mean())


def test_binary_losses_equal_their_equations(
    inputs: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, targets, table = inputs
    raw = torch.randint(1, ITEMS, (N, 3))
    monkeypatch.setattr(torch, "randint", lambda low, high, shape, **kwargs: raw[:, : shape[1]])
    for loss, number in ((BinaryCrossEntropy(), 1), (GeneralizedBCE(3, 0.75), 3)):
        rate = 3 / (ITEMS - 1)
        beta = 1.0 if number == 1 else rate * (0.75 * (1 - 1 / rate) + 1 / rate)
        each = []
        for n in range(N):
            negatives = [item + (item >= int(targets[n])) for item in raw[n, :number].tolist()]
            assert int(targets[n]) not in negatives
            term = -beta * torch.log(torch.sigmoid(hidden[n] @ table[targets[n]]))
            for item in negatives:
                term = term - torch.log(1 - torch.sigmoid(hidden[n] @ table[item]))
            each.append(term / (1 if number == 1 else number + 1))
        torch.testing.assert_close(loss(hidden, targets, table), torch.stack(each).mean())


def test_negatives_are_uniform_and_never_the_target() -> None:
    torch.manual_seed(0)
    table = torch.eye(5, dtype=torch.float64, requires_grad=True)
    hidden = torch.zeros(4000, 5, dtype=torch.float64)
    hidden[:, 0] = 1.0
    BinaryCrossEntropy()(hidden, torch.full((4000,), 2), table).backward()
    assert table.grad is not None
    counts = table.grad[:, 0] * 2 * 4000
    assert counts[0] == 0
    assert counts[2] == pytest.approx(-4000)
    assert all(abs(counts[item] - 4000 / 3) < 150 for item in (1, 3, 4))


def test_calibration_and_counts_are_checked() -> None:
    with pytest.raises(ValueError, match="calibration"):
        GeneralizedBCE(4, 1.5)
    with pytest.raises(ValueError, match="negatives"):
        SampledSoftmax(0)
