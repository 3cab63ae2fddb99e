"""The store of a run on one machine is reached from this machine alone, and unpickles nothing."""

import os
import pickle
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from torch.distributed import TCPStore

from suite.training.run.loopback import Loopback, interface


class Touches:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


def test_a_stranger_neither_reaches_the_store_from_outside_nor_makes_it_unpickle(tmp_path: Path) -> None:
    handler = Loopback("run", timeout=20)
    stranger = TCPStore("127.0.0.1", handler.port, is_master=False, timeout=timedelta(seconds=10))
    for key in ("torch.rendezvous.run", "run/torch.rendezvous.run", "run/MASTER_ADDR"):
        stranger.set(key, pickle.dumps(Touches(tmp_path / "canary")))
    found = handler.next_rendezvous()
    assert (found.rank, found.world_size) == (0, 1)
    assert found.bootstrap_store_info is not None
    assert found.bootstrap_store_info.master_addr == "127.0.0.1"
    assert not (tmp_path / "canary").exists()
    found.store.set("x", "1")
    assert found.store.get("x") == b"1"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads the sockets of Linux")
def test_it_listens_on_loopback() -> None:
    handler = Loopback("run", timeout=20)
    lines = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    lines += [line.split()[1] for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    assert next(line for line in lines if line.endswith(f":{handler.port:04X}")).startswith("0100007F:")
    assert not [line for line in lines if line.endswith(f":{handler.port:04X}") and line.startswith("00000000")]


def test_collectives_use_the_loopback_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    with interface():
        assert os.environ["GLOO_SOCKET_IFNAME"] in [name for _, name in socket.if_nameindex()]
    assert "GLOO_SOCKET_IFNAME" not in os.environ
