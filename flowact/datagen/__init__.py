"""The data engine: voices, people, performances and their rendering, from seeds.

May import media, motion and the ground.
"""
