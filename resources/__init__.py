"""All that touches network, disk, clock and environment. Imports only from pipelines; nothing here decides.

Plain objects that Dagster hands to assets by name (`dg.ResourceParam`), so a test needs no Dagster to use them.
"""
