"""Scripts that are copied into the guest and run on the installed wheel there: they import `mobiclass` alone."""
