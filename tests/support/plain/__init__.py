"""Plain WebRTC clients of several makes behind one interface, for tests of the SDP path."""
