"""What a workstation runs: building, converting and checking models. Never imported by `mobiclass`."""
