"""Small networks and histories for the tests of the models."""

from typing import Any

import torch

from tasks.recommender.models.sequence_encoder import SequenceEncoder

ITEMS, LONGEST = 17, 9
SHAPE: dict[str, Any] = {"embed_dim": 12, "num_blocks": 2, "num_heads": 3, "hidden_dim": 20}
COUNTS = list(range(ITEMS + 1))
CHOICES: list[dict[str, Any]] = [
    {},
    *({"score": name} for name in ("additive", "concat", "cosine", "gat", "location_based", "location_sensitive")),
    *({"alignment": name} for name in ("sparsemax", "entmax15", "sigmoid", "monotonic", "hard")),
    *({"pattern": {"name": "window", "left": left}} for left in (0, 2)),
    {"pattern": {"name": "global_local", "num_global": 1, "width": 1}},
    {"pattern": {"name": "local_monotonic", "width": 1}},
    {"pattern": {"name": "local_predictive", "width": 3}},
    {"score": "additive", "alignment": "monotonic", "pattern": {"name": "window", "left": 2}},
]
FIXED = {"pattern": {"name": "axial_rows", "height": 3, "width": 3}}


def network(kind: type[SequenceEncoder], **attention: Any) -> Any:
    torch.manual_seed(0)
    net = kind(ITEMS, LONGEST, COUNTS, attention, **SHAPE)
    for parameter in net.parameters():
        parameter.data += torch.randn_like(parameter) * 0.2
    return net.eval()


def histories() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    lengths = torch.tensor([5, 9, 1, 3])
    items = torch.randint(1, ITEMS + 1, (4, LONGEST))
    return items * (torch.arange(LONGEST) < lengths[:, None]), lengths
