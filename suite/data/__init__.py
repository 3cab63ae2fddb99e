"""Where data comes from: local files, the canonical download, a package of the index; checked, cached, split."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
