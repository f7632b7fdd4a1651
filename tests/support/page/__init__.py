"""A client written from docs/protocol.md alone, by somebody who had not seen the code.

It uses nothing of `services`, and changes only where the page does.
"""
