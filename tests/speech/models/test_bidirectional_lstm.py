"""The bidirectional LSTM equals torch's LSTM over packed sequences in values and gradients."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tasks.speech.models.bidirectional_lstm import BidirectionalLSTM, reversed_indices


def packed(reference: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    sequences = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(reference(sequences)[0], batch_first=True, total_length=x.shape[1])[0]


def weights(module: BidirectionalLSTM) -> dict[str, nn.Parameter]:
    """Parameters under the names that ``nn.LSTM`` has for them."""
    return {
        name.replace("_l0", f"_l{layer}") + end: parameter
        for lstms, end in ((module.forwards, ""), (module.backwards, "_reverse"))
        for layer, lstm in enumerate(lstms)
        for name, parameter in lstm.named_parameters()
    }


@pytest.mark.parametrize("layers", [1, 3])
def test_it_equals_the_packed_lstm_of_torch(layers: int) -> None:
    torch.manual_seed(0)
    module = BidirectionalLSTM(5, 7, layers).double()
    reference = nn.LSTM(5, 7, layers, batch_first=True, bidirectional=True).double()
    reference.load_state_dict({name: parameter.detach() for name, parameter in weights(module).items()})
    x, lengths = torch.randn(4, 11, 5, dtype=torch.float64), torch.tensor([3, 11, 1, 6])
    within = (torch.arange(11) < lengths[:, None])[..., None]
    ours, theirs = module(x, lengths) * within, packed(reference, x, lengths)
    torch.testing.assert_close(ours, theirs)
    seed = torch.randn_like(ours)
    (ours * seed).sum().backward()
    (theirs * seed).sum().backward()
    for name, parameter in weights(module).items():
        torch.testing.assert_close(parameter.grad, reference.get_parameter(name).grad)


def test_a_sequence_is_reversed_within_its_length() -> None:
    assert reversed_indices(torch.tensor([1, 4, 3]), 4).tolist() == [[0, 1, 2, 3], [3, 2, 1, 0], [2, 1, 0, 3]]
