"""A joint CTC-attention training step, compared with SpeechBrain.

    pip install speechbrain        # 1.1.2, the peer; the suite does not need it
    python benchmarks/speech_joint.py [--threads 1] [--rounds 7] [--quick]

16 utterances of 4 s (400 frames of 80 bands), texts of 30 units out of 32: subsampling by 4, 4 encoder blocks and 2
decoder blocks of width 144, 4 heads, feed-forward 576, dropout 0.1; both losses, backward pass and Adam. The peer is
``TransformerASR`` with ``ConvolutionFrontEnd`` (2-D convolutions) as in its recipes, and a second time with our
subsampling (1-D convolutions), which compares the blocks alone. Both sides have dropout on attention weights. Target:
0.6 of the peer's time in float32. Without SpeechBrain only our time is printed.
"""

import importlib.util
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from timing import interleaved, options, show
from torch import Tensor, nn

from tasks.speech.losses import ctc_loss, decoder_loss
from tasks.speech.models.conformer import Conformer
from tasks.speech.models.encoder import EncodedSpeech, Subsampling
from tasks.speech.models.transformer_decoder import TransformerDecoder
from tasks.speech.models.transformer_encoder import TransformerEncoder
from tasks.speech.units import EOS

WIDTH, HEADS, HIDDEN, UNITS = 144, 4, 576, 32
Step = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]  # -> scores of CTC and decoder, lengths


class Ours(nn.Module):
    """Our encoder and decoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.ctc = encoder, nn.Linear(WIDTH, UNITS)
        attention = {"score": "scaled_dot", "alignment": "softmax", "pattern": "full", "dropout": 0.1}
        self.decoder = TransformerDecoder(UNITS, WIDTH, attention, 1.0, WIDTH, 2, HEADS, HIDDEN)

    def forward(self, features: Tensor, lengths: Tensor, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        encoded: EncodedSpeech = self.encoder(features, lengths)
        return self.ctc(encoded.memory), self.decoder(units, self.decoder.project_memory(encoded)), encoded.lengths


class Theirs(nn.Module):
    """The model of SpeechBrain, with its front end or with our subsampling."""

    def __init__(self, kind: str, front_end: bool) -> None:
        super().__init__()
        from speechbrain.lobes.models.convolution import ConvolutionFrontEnd
        from speechbrain.lobes.models.transformer.TransformerASR import TransformerASR

        self.front_end: nn.Module | None = None
        width = WIDTH
        if front_end:
            self.front_end = ConvolutionFrontEnd(
                (8, 10, 80), 2, 1, out_channels=(64, 32), kernel_sizes=(3, 3), strides=(2, 2), residuals=(False, False)
            )
            width = 640
        else:
            self.subsampling = Subsampling(80, WIDTH, 4, 0.1)
        more = {"attention_type": "RelPosMHAXL"} if kind == "conformer" else {}
        self.model = TransformerASR(
            UNITS, width, WIDTH, HEADS, 4, 2, HIDDEN, 0.1, nn.GELU, encoder_module=kind, normalize_before=True,
            causal=False, **more,
        )  # fmt: skip
        self.ctc, self.output = nn.Linear(WIDTH, UNITS), nn.Linear(WIDTH, UNITS)

    def forward(self, features: Tensor, lengths: Tensor, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.front_end(features) if self.front_end is not None else self.subsampling(features, lengths)[0]
        memory, decoded = self.model(x, units, wav_len=lengths / lengths.max(), pad_idx=0)
        return self.ctc(memory), self.output(decoded), (lengths + 3) // 4


def step_of(net: nn.Module, utterances: int, frames: int) -> Callable[[], None]:
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    features, lengths = torch.randn(utterances, frames, 80), torch.full((utterances,), frames)
    size = min(30, frames // 8)
    targets, sizes = torch.randint(3, UNITS, (utterances, size)), torch.full((utterances,), size)
    units = F.pad(targets, (1, 0), value=EOS)

    def step() -> None:
        scores, logits, positions = net(features, lengths, units)
        listened = ctc_loss(scores.log_softmax(-1), positions, targets, sizes)
        loss = (0.3 * listened + 0.7 * decoder_loss(logits, targets, sizes, 0.1)).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def candidates(kind: str, peer: bool) -> dict[str, nn.Module]:
    encoder = {"transformer": TransformerEncoder, "conformer": Conformer}[kind](
        80, WIDTH, 4, HEADS, HIDDEN, dropout=0.1
    )
    if not peer:
        return {"ours": Ours(encoder)}
    return {"SpeechBrain": Theirs(kind, True), "SpeechBrain, our front end": Theirs(kind, False), "ours": Ours(encoder)}


if __name__ == "__main__":
    args = options(__doc__)
    warnings.simplefilter("ignore")  # warnings of the peer about future changes of torch
    peer = importlib.util.find_spec("speechbrain") is not None
    for kind in ("transformer", "conformer"):
        nets = candidates(kind, peer)
        print({name: sum(parameter.numel() for parameter in net.parameters()) for name, net in nets.items()})
        steps = {name: step_of(net, 2 if args.quick else 16, 40 if args.quick else 400) for name, net in nets.items()}
        show(f"joint step, {kind}", interleaved(steps, 1 if args.quick else args.rounds))
