"""A training step of the bidirectional LSTM, compared with that of torch over packed sequences.

    python benchmarks/speech_lstm.py [--threads 1] [--rounds 7] [--quick]

Forward and backward pass of 12 utterances of 60 to 90 positions of width 256, 3 layers of 128 in each direction; the
values are equal (a test compares them). ``padded`` is torch's LSTM over the same batch without regard to lengths, a
lower bound of the time.
"""

import torch
from timing import interleaved, options, show
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from tasks.speech.models.bidirectional_lstm import BidirectionalLSTM

WIDTH, HIDDEN, LAYERS = 256, 128, 3


def steps(rounds: int, utterances: int, positions: int) -> None:
    theirs = nn.LSTM(WIDTH, HIDDEN, LAYERS, batch_first=True, bidirectional=True)
    ours = BidirectionalLSTM(WIDTH, HIDDEN, LAYERS)
    x = torch.randn(utterances, positions, WIDTH)
    lengths = torch.linspace(2 * positions // 3, positions, utterances).long()
    sequences = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    candidates = {
        "packed": lambda: theirs(sequences)[0].data.sum().backward(),
        "ours": lambda: ours(x, lengths).sum().backward(),
        "padded": lambda: theirs(x)[0].sum().backward(),
    }
    show(f"{utterances} utterances of up to {positions} positions", interleaved(candidates, rounds))


if __name__ == "__main__":
    args = options(__doc__)
    steps(1 if args.quick else args.rounds, 3 if args.quick else 12, 10 if args.quick else 90)
