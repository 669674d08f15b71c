"""``mobiclass doctor``: what of this machine and this installation helps or hinders classifying.

Each module examines one thing and gives `Finding`s; `mobiclass.doctor.examination` runs them all, each in isolation.
What may crash or hang (foreign libraries above all) runs in a child process. Nothing here needs NumPy, Pillow or a
runtime: this is what one runs when they are broken.
"""
