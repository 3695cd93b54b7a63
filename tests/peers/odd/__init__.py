"""What servers in the field do and asyncua does not: one file an idea, each a patch of asyncua that is chosen by name.

`asyncua_server.py --odd NAME[:ARGUMENT]` chooses one; `registry.py` says how a file offers one.
"""

from . import answers, bytes_forms, certificates, channel, clock, discovery, enumerations, filters, grants, items, nodes, polls, publishing, raw, sessions, texts  # noqa: F401
