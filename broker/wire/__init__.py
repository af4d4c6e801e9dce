"""Bytes to core values and back: pure codecs, no sockets, no files."""
