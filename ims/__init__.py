"""IMS: the income management system for councils."""

__version__ = "0.1.0"
