"""The glimpse sensor against patches cut by hand."""

import pytest
import torch
import torch.nn.functional as F

from suite.attention.layers.glimpse import GlimpseSensor


def test_a_glimpse_is_a_fine_patch_and_coarser_ones_around_it():
    image = torch.arange(81.0, dtype=torch.float64).view(1, 1, 9, 9)
    place = torch.tensor([[0.0, 0.25]], dtype=torch.float64)  # pixel (4, 5)
    glimpse = GlimpseSensor(size=3, scales=2)(image, place)
    torch.testing.assert_close(glimpse[0, 0, 0], image[0, 0, 3:6, 4:7])
    wide = GlimpseSensor(size=6, scales=1)(image, place)[0, 0]
    torch.testing.assert_close(glimpse[0, 1], F.avg_pool2d(wide, 2))
    corner = GlimpseSensor(size=3, scales=1)(image, torch.tensor([[-1.0, -1.0]], dtype=torch.float64))[0, 0, 0]
    assert (corner[0] == 0).all()  # outside the image
    torch.testing.assert_close(corner[1:, 1:], image[0, 0, :2, :2])
    with pytest.raises(ValueError, match=r"place \(B, 2\), got .* and \(3, 2\)"):
        GlimpseSensor()(image, torch.zeros(3, 2))


def test_a_glimpse_has_a_gradient_in_its_place():
    place = torch.tensor([[0.11, -0.23]], dtype=torch.float64, requires_grad=True)
    image = torch.randn(1, 2, 11, 13).double()
    torch.autograd.gradcheck(lambda p: GlimpseSensor(size=2, scales=2)(image, p), place)
