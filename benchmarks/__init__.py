"""Whole processes beside their floors; run ``python -m benchmarks``."""
