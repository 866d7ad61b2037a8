"""Tests of the integer kernel run where it is compiled; where the checks run on x86-64 it has to be."""

import os
import platform

import pytest

from homegrown.inference.encoder_native import library

_MAY_LACK = os.environ.get("CI") != "true" or platform.machine().lower() not in ("x86_64", "amd64")
needs_kernel = pytest.mark.skipif(
    _MAY_LACK and library() is None, reason="the integer kernel is not compiled here (scripts/native)"
)
