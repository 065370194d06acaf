"""Promotion: the self-describing bundle, the pointer to the promoted one and the records of who was promoted when.

Pure: bytes and records are built and checked here; resources writes them to disk.
"""
