"""Simplified Chinese: the page's texts, and the sentences that the library says in English."""
