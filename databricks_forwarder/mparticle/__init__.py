"""
What an mParticle batch is, how it is read, and what its tables are called.
"""
