"""The listener processes an utterance in both directions."""

import torch

from tasks.speech.models.listener import Listener


def test_every_position_depends_on_the_first_and_the_last_frame() -> None:
    torch.manual_seed(0)
    encoder = Listener(5, 7, 2).eval()
    features = torch.randn(1, 24, 5, requires_grad=True)
    memory = encoder(features, torch.tensor([24])).memory
    for position in range(memory.shape[1]):
        (grad,) = torch.autograd.grad(memory[0, position].square().sum(), features, retain_graph=True)
        assert grad[0, 0].abs().sum() > 0
        assert grad[0, -1].abs().sum() > 0
