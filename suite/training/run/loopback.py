"""The meeting point of the processes of one machine: a store that listens on the loopback interface alone.

torch's own rendezvous listens on all interfaces, and unpickles what it finds in its store. Here the agent knows that it
is alone, so that nothing is exchanged between agents, and nothing in the store is a pickle.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from torch.distributed import PrefixStore, TCPStore
from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousInfo, RendezvousParameters
from torch.distributed.elastic.rendezvous.api import RendezvousStoreInfo, rendezvous_handler_registry

__all__ = ["BACKEND", "interface", "register"]

BACKEND = "loopback"
ADDRESS = "127.0.0.1"


class Loopback(RendezvousHandler):
    """A rendezvous of one agent, whose store the workers use too.

    Args:
        run_id: the name of the run, a prefix of the agent's keys.
        timeout: seconds that a process waits for a key.
    """

    def __init__(self, run_id: str, timeout: float) -> None:
        self.run_id = run_id
        listener = socket.create_server((ADDRESS, 0), family=socket.AF_INET)
        self.port = listener.getsockname()[1]
        self.store = TCPStore(
            ADDRESS,
            self.port,
            is_master=True,
            wait_for_workers=False,
            timeout=timedelta(seconds=timeout),
            master_listen_fd=listener.detach(),
        )

    def get_backend(self) -> str:
        return BACKEND

    @property
    def use_agent_store(self) -> bool:
        return True

    def next_rendezvous(self) -> RendezvousInfo:
        store = PrefixStore(self.run_id, self.store)
        return RendezvousInfo(store, 0, 1, RendezvousStoreInfo(ADDRESS, self.port))

    def is_closed(self) -> bool:
        return False

    def set_closed(self) -> None:
        pass

    def num_nodes_waiting(self) -> int:
        return 0

    def get_run_id(self) -> str:
        return self.run_id

    def shutdown(self) -> bool:
        return True


def register() -> None:
    """Make the backend known to torch's elastic agent; may be called repeatedly."""
    if BACKEND not in rendezvous_handler_registry._registry:
        rendezvous_handler_registry.register(BACKEND, _create)


def _create(parameters: RendezvousParameters) -> RendezvousHandler:
    return Loopback(parameters.run_id, float(parameters.config.get("timeout", 900)))


@contextmanager
def interface() -> Iterator[None]:
    """Inside the context, processes that start connect their collectives over the loopback interface."""
    names = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    wanted: dict[str, Any] = {key: names[0] for key in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME") if names}
    wanted = {key: value for key, value in wanted.items() if key not in os.environ}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key in wanted:
            del os.environ[key]
