"""Document classification with hierarchical attention (Yang et al. 2016)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
