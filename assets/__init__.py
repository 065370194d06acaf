"""Dagster's nouns: what exists, per partition. An asset reads, computes, writes and describes.

Every `if` that matters is a pure function in pipelines/; every disk, clock or network is a resource. Modules
offer `build(partitions) -> list`, because partitions come from the settings of the code location.
`from __future__ import annotations` breaks Dagster's context types: it is not used in this folder.
"""
