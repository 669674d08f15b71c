"""Test the wheel as the owner of a Raspberry Pi would install it, in Arm systems that QEMU emulates.

`make test-pi` runs it. ``recipes`` lists the systems, ``emulation`` checks whether this machine can run them,
``namespaces`` isolates mounts and processes from the host, ``roots`` builds and caches the systems,
``package_sources`` gives them the host's package indexes and proxies, ``guest`` runs programs inside, ``checks`` does
what a Pi's owner does and checks the outcome, ``photos`` and ``agreement`` compare the predictions with the host's.
"""
