"""Graph attention: node classification with GAT and GATv2 (Velickovic et al. 2018, Brody et al. 2022)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
