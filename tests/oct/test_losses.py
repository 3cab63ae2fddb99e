"""Losses on attention and lesions."""

import torch
import torch.nn.functional as F

from tasks.oct.losses import finding_loss, lesion_maps, looking_loss, mix


def test_masks_become_maps_of_each_kind() -> None:
    lesions = torch.tensor([[[0, 1], [128, 9]]], dtype=torch.uint8)
    maps = lesion_maps(lesions)
    assert maps is not None
    assert maps.nonzero().tolist() == [[0, 0, 0, 1], [0, 0, 1, 1], [0, 3, 1, 1], [0, 7, 1, 0]]
    assert lesion_maps(torch.zeros(2, 3, 3, dtype=torch.uint8)) is None


def test_looking_loss_is_the_cross_entropy_of_lesions_and_attention() -> None:
    weights = torch.rand(3, 2, 4, 5, dtype=torch.float64)
    weights = weights / weights.sum((2, 3), keepdim=True)
    lesions = torch.zeros(3, 8, 8, 10, dtype=torch.float64)
    lesions[0, 3, 1, 2] = lesions[0, 5, 7, 9] = lesions[0, 5, 6, 9] = 1.0
    lesions[2, 0, 4:6, 4:6] = 1.0  # the second scan has no lesion and does not count
    expected = []
    for head in range(2):
        first = -(weights[0, head, 0, 1].log() + 2 * weights[0, head, 3, 4].log()) / 3
        expected.append((first - weights[2, head, 2, 2].log()) / 2)
    torch.testing.assert_close(looking_loss(weights, lesions), torch.stack(expected).mean())
    assert float(looking_loss(weights, torch.zeros_like(lesions))) == 0.0


def test_finding_loss_weighs_regions_with_lesions_ten_times() -> None:
    scores, lesions = torch.randn(2, 8, 4, 5), torch.zeros(2, 8, 4, 5)
    lesions[1, 2, 3, 4] = 1.0
    plain = F.binary_cross_entropy_with_logits(scores, lesions, reduction="none")
    expected = (plain.sum() + 9 * plain[1, 2, 3, 4]) / (2 * 4 * 5)
    torch.testing.assert_close(finding_loss(scores, lesions), expected)


def test_mixing_is_a_sum_with_the_neighbour() -> None:
    x, own = torch.randn(3, 2, 4), torch.tensor([1.0, 0.75, 0.5])
    mixed = mix(x, own)
    torch.testing.assert_close(mixed[0], x[0])
    torch.testing.assert_close(mixed[2], 0.5 * x[2] + 0.5 * x[1])
