"""What a scorecard must show before a candidate may be promoted. One file a gate, found by `catalogue`.

What does not live here: figures (pipelines/evaluation) and the promotion itself (pipelines/promotion).
"""
