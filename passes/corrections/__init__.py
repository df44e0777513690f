"""Passes that hand IREE what it compiles rightly: each works around one fault."""
