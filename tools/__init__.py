"""The tools for a workstation: building, converting and testing models. Never imported by `mobiclass`."""
