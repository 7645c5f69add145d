"""Augmentation: one file per domain (sound, ink, image) that changes a signal, and frames.py.

A module here defines `class Augmenter(Options)` whose call takes a signal (or frames) and a NumPy
generator and returns a changed copy; with every option at its default it changes nothing.
"""
