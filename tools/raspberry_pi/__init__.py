"""Tests the wheel as the owner of a Raspberry Pi would install it, in Arm systems that QEMU emulates.

`make test-pi` runs it. ``recipes`` says which systems there are, ``emulation`` whether this machine can run them,
``namespaces`` keeps mounts and processes apart from it, ``roots`` builds and keeps the systems, ``packages_from`` lets
them reach what this machine reaches, ``guest`` runs programs inside, ``owner`` is what a Pi's owner does and what must
come of it, ``photos`` and ``agreement`` compare the predictions with this machine's.
"""
