"""Tests of the pictures' makers."""
