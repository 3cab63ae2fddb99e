"""One attention library and one trainer for graphs, documents, histories, speech and images.

    import suite

    run = suite.train("task=documents", "data=documents/synthetic", seed=1)
    model = suite.load(run)
    model.predict(["A waste of money!"])

Names are imported at their first use, so that ``import suite`` loads neither torch nor Lightning nor Hydra.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
