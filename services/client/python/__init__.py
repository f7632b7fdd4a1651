"""A typed client for bots, tests and load: signaling over a WebSocket, media by aiortc.

Begin with `services.client.python.session.joined`; `connection.connected` is signaling alone.
"""
