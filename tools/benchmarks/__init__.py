"""Benchmarks: mobiclass against others, side by side in one run, as ratios; no tests, for machines are noisy."""
