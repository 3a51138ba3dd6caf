"""Stands where the package wget is not installed: a test that downloads with it is skipped with the reason."""

import pytest


def download(url, **_):
    pytest.skip(f"needs the Python package wget, and the file {url}")
