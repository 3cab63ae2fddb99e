"""FlexAttention equals the reference; block masks are cached for as long as their pattern exists."""

import gc

import pytest
import torch

from suite.attention.choices.alignments import Softmax
from suite.attention.choices.block_patterns import GlobalLocal
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.scores import Cosine
from suite.attention.fast import flex
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.paths import flex_path, reference_path
from tests.attention.conftest import B, H

CPU = torch.device("cpu")


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("pattern", [Window(9, 3), GlobalLocal(2, 5), Causal() & Window(4, 4)], ids=repr)
def test_flex_attention_equals_the_reference(pattern, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # uncompiled it runs on a CPU, forward only
    query, key, value = (torch.randn(B, H, 150, 16).double() for _ in range(3))
    call = AttentionCall(query, key, value, Cosine(H).double(), Softmax(0.5), pattern)
    with torch.no_grad():
        torch.testing.assert_close(flex_path(call).context, reference_path(call).context)


def test_a_block_mask_is_made_once_per_length_and_the_last_lengths_are_cached():
    pattern = Window(3, 3)
    first = flex.block_mask(pattern, 150, 150, CPU)
    assert flex.block_mask(pattern, 150, 150, CPU) is first
    for length in range(200, 200 + flex.LENGTHS_PER_PATTERN):
        flex.block_mask(pattern, length, length, CPU)
    assert len(flex._block_masks[pattern]) == flex.LENGTHS_PER_PATTERN
    assert flex.block_mask(pattern, 150, 150, CPU) is not first


def test_the_cache_does_not_keep_a_pattern_alive():
    gc.collect()
    before = len(flex._block_masks)
    pattern = Window(3, 3)
    flex.block_mask(pattern, 150, 150, CPU)
    assert len(flex._block_masks) == before + 1
    del pattern
    gc.collect()
    assert len(flex._block_masks) == before
