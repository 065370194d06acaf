"""The daily files of the Tardis tick archive as typed rows and rebuilt order books.

Fetching and unpacking them is resources/tardis and resources/sources; nothing here knows a disk or a network.
"""
