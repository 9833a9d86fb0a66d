"""Networks whose outputs are decoded outside the firmware."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import NetworkConfig


class Decoded(nn.Module):
    """A network and the decoder of what it sends, trained together; only the network becomes firmware.

    Parameters
    ----------
    network : QuantNetwork
        Makes numbers of few bits.
    decoder : Module
        Maps them, (N, ...), to the answer (N, ...).
    """

    def __init__(self, network: QuantNetwork, decoder: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.decoder = decoder

    def forward(self, *signals: Any) -> Tensor:
        """Map the inputs (N, *shape) to the answer (N, ...)."""
        out: Tensor = self.decoder(self.network(*signals))
        return out


def build_decoded(config: NetworkConfig, *, seed: int) -> QuantNetwork | Decoded:
    """Make a network, with its decoder if it has one.

    Parameters
    ----------
    config : NetworkConfig
        What to make.
    seed : int
        Decides all weights; the global generator is left alone.

    Returns
    -------
    QuantNetwork or Decoded
        In training mode.
    """
    network = config.build(seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = config.make_decoder()
    return network if decoder is None else Decoded(network, decoder)
