"""Whether the optional kernels can be built here."""

import os
import shutil

import pytest

COMPILER = next(filter(shutil.which, [os.environ.get("CXX", "g++"), "c++"]), None)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler to build the optional kernels with")
IMPLEMENTATIONS = ["auto", "reference", pytest.param("compiled", marks=needs_compiler)]
