"""The live worker: sessions in a process of their own, watched, paced, encoded and restarted.

May import hardware, the pipeline and below, never the page.
"""
