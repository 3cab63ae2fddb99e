"""Block patterns: Sinkhorn sorting and rejected input. Their rules and tiles are tested in test_patterns.py."""

import pytest
import torch

from suite.attention.choices.block_patterns import AxialRows, BlockSparse, GlobalLocal, SinkhornBlocks


def test_sinkhorn_blocks_finds_the_permutation_behind_the_scores():
    partner = torch.tensor([2, 0, 3, 1])
    scores = 5 * torch.eye(4)[partner] + torch.rand(4, 4)
    layout = SinkhornBlocks.from_scores(scores, block_size=3).layout
    assert torch.equal(layout, torch.eye(4).bool() | torch.eye(4).bool()[partner])


def test_bad_input_raises():
    with pytest.raises(ValueError, match="axial is built for 6 queries and 6 keys, got 4 and 6; build it for this"):
        AxialRows(2, 3).mask(4, 6)
    with pytest.raises(ValueError, match="of blocks is built for 6 queries .* got 9 and 9"):
        BlockSparse(torch.ones(3, 3).bool(), 2).mask(9, 9)
    with pytest.raises(ValueError, match="partner must contain every block from 0 to 2 once, got"):
        SinkhornBlocks(torch.tensor([0, 0, 2]), 2)
    with pytest.raises(ValueError, match=r"layout must be bool \(blocks, blocks\), got torch.float32"):
        BlockSparse(torch.ones(2, 2), 2)
    with pytest.raises(ValueError, match="num_global and width must be at least 0, got -1 and 2"):
        GlobalLocal(-1, 2)
