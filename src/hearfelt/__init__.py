"""hearfelt hears what people feel: who felt what, when, how sure that is, and on what evidence."""

__version__ = "0.1.0"
