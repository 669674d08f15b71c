"""``make bench``: measures mobiclass against others in one run, as ratios. No tests: timings are noisy."""
