"""Sharding, gathering, saving and loading weights."""

import torch
from torch import nn

from suite.training.processes import sharded_weights
from tests.training import forked


class Block(nn.Linear):
    """A block that is entered by one more method."""

    def step(self) -> None:
        """Nothing."""


def halves() -> None:
    """In each of two processes: what is cut, and that nothing is lost by it."""
    torch.distributed.init_process_group("gloo")
    mesh = torch.distributed.init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    net = nn.Module()
    net.blocks = nn.ModuleList([nn.Linear(3, 5), Block(5, 7)])
    net.last = nn.Linear(7, 1)
    net.register_buffer("count", torch.tensor(float(torch.distributed.get_rank())), persistent=False)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    sharded_weights.shard(net, mesh)
    assert [sharded_weights._sharded_modules(net)[1:]] == [[net.blocks[0]]], (
        "a block with another method belongs to the whole"
    )
    assert sharded_weights.sharded(net)
    held = sum(sharded_weights.local(parameter).numel() for parameter in net.parameters())
    total = torch.tensor(held)
    torch.distributed.all_reduce(total)
    assert int(total) == sum(tensor.numel() for tensor in before.values())
    assert held < 0.7 * int(total)
    found = sharded_weights.full_state(net)
    assert all(torch.equal(found[name], tensor) for name, tensor in before.items())
    sharded_weights.load_full_state(net, {name: tensor + 1 for name, tensor in before.items()})
    with sharded_weights.gathered_weights(net):
        assert torch.equal(net.last.weight, before["last.weight"] + 1)
        assert type(net.blocks[0].weight) is nn.Parameter
        assert float(net.count) == 0.0
    assert sharded_weights.sharded(net)
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = sharded_weights.full_optimizer_state(optimizer)
    again = torch.optim.Adam(net.parameters())
    sharded_weights.load_full_optimizer_state(again, state)
    for one, other in zip(optimizer.state.values(), again.state.values(), strict=True):
        assert torch.equal(sharded_weights.unshard(one["exp_avg"]), sharded_weights.unshard(other["exp_avg"]))
        assert torch.equal(sharded_weights.local(one["exp_avg"]), sharded_weights.local(other["exp_avg"]))
    torch.distributed.destroy_process_group()


def test_every_process_holds_its_part_and_all_together_the_whole() -> None:
    assert forked.join(forked.ranks(halves)) == [0, 0]
