"""Tests of the Python package, by unittest: python -m unittest discover -t python -s python/tests."""
