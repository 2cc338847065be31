"""Tokenizers: text to ids and back, as published vocabularies have it.

tokenizer = mmi.text.load_tokenizer("weights/clip")
ids = mmi.text.fit_length(tokenizer.encode("a dog barks"), 77, pad=0, end=49407)
"""

from mmi._mmi import AddedToken, Tokenizer, fit_length, load_tokenizer

__all__ = ["AddedToken", "Tokenizer", "fit_length", "load_tokenizer"]
