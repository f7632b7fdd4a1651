"""How large the messages between the services may get; both ends set the same bounds."""

# A browser's message has at most 64 KiB.
MAX_REQUEST_BYTES = 1024 * 1024
# A room of 1,000 peers that use all of their app data and the longest names, as a joining proctor
# gets it, is 6 MiB; gRPC ends at 4 MiB unless told otherwise.
MAX_REPLY_BYTES = 8 * 1024 * 1024
