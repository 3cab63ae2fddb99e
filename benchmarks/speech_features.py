"""Log-mel features and a training step of Conformer blocks, compared with torchaudio.

    python benchmarks/speech_features.py [--threads 1] [--rounds 7] [--quick]

Features: 16 recordings of 10 s at 16 kHz, 80 bands; the values are equal (a test compares them), and the time of the
peer includes the logarithm. Encoders: forward and backward pass of 4 blocks of width 144, 4 heads, feed-forward 576,
kernel 31, dropout 0.1, for 16 utterances of 100 positions; the peer is ``torchaudio.models.Conformer``. Our blocks also
have dropout on attention weights and rotary positions, and a layer norm instead of a batch norm. Targets: at most 0.65
of the peer's time for features, 0.35 for blocks.
"""

import warnings

import torch
from timing import interleaved, options, show
from torch import Tensor, nn

from tasks.speech.features import FLOOR, log_mel
from tasks.speech.models.conformer import ConformerBlock
from tasks.speech.models.encoder import rotary_self_attention

RATE, BANDS, WIDTH, LAYERS = 16000, 80, 144, 4


def features(rounds: int, seconds: int) -> None:
    from torchaudio.transforms import MelSpectrogram

    samples = 0.1 * torch.randn(16, seconds * RATE)
    peer = MelSpectrogram(RATE, n_fft=400, hop_length=160, n_mels=BANDS, center=False)
    candidates = {
        "torchaudio": lambda: (peer(samples) + FLOOR).log(),
        "ours": lambda: log_mel(samples, RATE, BANDS, 400, 160),
    }
    show(f"log-mel of 16 x {seconds} s", interleaved(candidates, rounds))


def encoders(rounds: int, positions: int) -> None:
    with warnings.catch_warnings():  # torchaudio 2.11 warns of future changes
        warnings.simplefilter("ignore")
        from torchaudio.models import Conformer

        peer = Conformer(WIDTH, 4, 4 * WIDTH, LAYERS, 31, dropout=0.1)
    ours = nn.ModuleList(
        ConformerBlock(rotary_self_attention(WIDTH, 4, 0.1), 4 * WIDTH, 31, 0.1) for _ in range(LAYERS)
    )
    x = torch.randn(16, positions, WIDTH)
    lengths, mask = torch.full((16,), positions), torch.ones(16, 1, 1, positions, dtype=torch.bool)

    def step_of_peer() -> None:
        peer(x, lengths)[0].sum().backward()

    def step_of_ours() -> None:
        y: Tensor = x
        for block in ours:
            y = block(y, mask=mask)
        y.sum().backward()

    candidates = {"torchaudio": step_of_peer, "ours": step_of_ours}
    show(f"Conformer, {positions} positions", interleaved(candidates, rounds))


if __name__ == "__main__":
    args = options(__doc__)
    features(2 if args.quick else args.rounds, 1 if args.quick else 10)
    encoders(1 if args.quick else args.rounds, 20 if args.quick else 100)
