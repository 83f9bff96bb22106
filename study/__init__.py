"""Blinded side-by-side preference studies (good / same / bad votes) on video.

One directory is one study: `study.yaml`, a manifest, the built stimuli and the database. The command
`python -m study` walks through its life: init, import, build, audit, open, serve, close, export, verify.
"""
