"""Captured weights: names, samples, fused paths, no side effect on the model; rollout and entropy."""

import math

import pytest
import torch
from torch import Tensor, nn

from suite.attention import capture as capture_module
from suite.attention.attention import Attention
from suite.attention.capture import capture_weights, entropy, rollout
from suite.attention.choices.alignments import Hard
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.positions import Alibi, Rotary
from suite.attention.choices.scores import GATScore
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.blocks import DecoderBlock, EncoderBlock, FeedForward
from suite.attention.layers.gates import CBAM
from suite.attention.layers.graph import GraphAttention
from suite.attention.layers.multihead import MultiheadAttention
from suite.attention.ragged.edges import Edges

E, H = 8, 2


class Translator(nn.Module):
    def __init__(self, implementation: str, dropout: float = 0.0) -> None:
        super().__init__()

        def heads(pattern: nn.Module | None = None) -> MultiheadAttention:
            attention = Attention(pattern=pattern, dropout=dropout, implementation=implementation)
            return MultiheadAttention(E, H, attention, positions=[Rotary(4), Alibi(H)])

        self.encoder = nn.ModuleList(EncoderBlock(heads(Window(1, 1)), FeedForward(E, E)) for _ in range(2))
        own, cross = heads(Causal()), MultiheadAttention(E, H, Attention(implementation=implementation))
        self.decoder = DecoderBlock(own, cross, FeedForward(E, E))

    def forward(self, source: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        for block in self.encoder:
            source = block(source, mask=mask)
        return self.decoder(target, self.decoder.remember(source), memory_mask=mask)


def batch() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    mask = torch.arange(7) < torch.tensor([[7], [4], [6]])
    return torch.randn(3, 7, E).double(), torch.randn(3, 5, E).double(), mask[:, None, None]


def translators() -> tuple[Translator, Translator]:
    fused, plain = Translator("auto").double(), Translator("reference").double()
    plain.load_state_dict(fused.state_dict())
    return fused, plain


def test_a_fused_model_gives_the_weights_of_the_reference_for_the_chosen_samples():
    fused, plain = translators()
    with capture_weights(fused, samples=[2, 0]) as maps:
        fused(*batch())
    with capture_weights(plain) as expected:
        plain(*batch())
    names = {"encoder.0.attention", "encoder.1.attention", "decoder.self_attention", "decoder.cross_attention"}
    assert set(maps) == set(expected) == names
    for name in names:
        (ours,), (theirs,) = maps[name], expected[name]
        assert ours.shape[0] == 2
        assert not ours.requires_grad
        torch.testing.assert_close(ours, theirs[[2, 0]])


def test_one_entry_for_every_call():
    model = MultiheadAttention(E, H)
    with capture_weights(model) as maps:
        for length in (3, 4):
            model(torch.randn(1, length, E))
    assert [w.shape[-1] for w in maps[""]] == [3, 4]


def test_capturing_changes_neither_output_nor_random_numbers_nor_the_model():
    model = Translator("auto", dropout=0.3).double()
    torch.manual_seed(1)
    unwatched = model(*batch()), torch.rand(1)
    before = {name: (dict(m.__dict__), len(m._forward_hooks)) for name, m in model.named_modules()}
    torch.manual_seed(1)
    with capture_weights(model):
        watched = model(*batch()), torch.rand(1)
    assert torch.equal(unwatched[0], watched[0])
    assert torch.equal(unwatched[1], watched[1])
    for name, module in model.named_modules():
        assert len(module._forward_hooks) == before[name][1] == 0
        assert module.__dict__.keys() == before[name][0].keys()


def test_hooks_are_removed_when_the_block_raises():
    model = MultiheadAttention(E, H)
    with pytest.raises(RuntimeError, match="on purpose"), capture_weights(model):
        raise RuntimeError("on purpose")
    assert not any(m._forward_hooks for m in model.modules())


def test_without_capture_a_fused_model_forms_no_weights(monkeypatch):
    monkeypatch.setattr(capture_module, "_recompute", lambda *_: pytest.fail("recomputed"))
    assert MultiheadAttention(E, H)(torch.randn(1, 3, E)).weights is None


def test_hard_attention_gives_the_sampled_weights():
    model = MultiheadAttention(E, H, Attention(alignment=Hard()))
    with capture_weights(model) as maps:
        out = model(torch.randn(2, 6, E))
    assert torch.equal(maps[""][0], out.weights)


def test_edges_and_gates_are_captured_too():
    layer = nn.ModuleDict(
        {"graph": GraphAttention(3, 4, H, EdgeAttention(GATScore(H, 4))), "gate": CBAM(4, reduction=2)}
    )
    edges = Edges.from_index(torch.tensor([[0, 1, 2], [1, 1, 0]]), 3)
    with capture_weights(layer, samples=[0]) as maps:
        layer["graph"](torch.randn(3, 3), edges)
        layer["gate"](torch.randn(2, 4, 5, 6))
    assert maps["graph"][0].shape == (3, H)
    assert maps["gate.channel"][0].shape == (1, 4, 1, 1)
    assert maps["gate.spatial"][0].shape == (1, 1, 5, 6)


def test_rollout_multiplies_the_layers_and_its_rows_sum_to_one():
    weights = [torch.rand(2, H, 4, 4).double().softmax(-1) for _ in range(3)]
    a, b, c = (0.5 * w.mean(1) + 0.5 * torch.eye(4) for w in weights)
    torch.testing.assert_close(rollout(weights), c @ b @ a)
    torch.testing.assert_close(rollout(weights).sum(-1), torch.ones(2, 4).double())
    with pytest.raises(ValueError, match=r"rollout needs self-attention weights .*\[\(1, 2, 3, 4\)\]"):
        rollout([torch.ones(1, 2, 3, 4)])
    with pytest.raises(ValueError, match="at least one layer, got none"):
        rollout([])


def test_entropy_of_uniform_one_hot_and_empty_rows():
    weights = torch.tensor([[0.25] * 4, [0.0, 1.0, 0.0, 0.0], [0.0] * 4]).double()
    torch.testing.assert_close(entropy(weights), torch.tensor([math.log(4), 0.0, 0.0]).double())
