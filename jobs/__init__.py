"""What is launched together. When lives in schedules/, what exists in assets/.

A job cannot span two partitions definitions: one job a stage, two a recipe.
"""
