"""The oddities by name, the commands on stdin that belong to them, and what they count."""

from collections import Counter

# Name -> function(argument), called before there is a server.
PATCHES = {}
# Verb -> async function(test, rest of the line), which returns the line of answer.
COMMANDS = {}
# Async functions(test), called when the nodes are there and before anybody can connect.
BEFORE_START = []
# What has been counted, by name: requests by their type, connections, tokens.
COUNTS = Counter()

# What makes the server's key and certificate, with the arguments of asyncua's own function; that one when `None`.
MAKE_CERTIFICATE = None


def patch(name):
    """Offers an oddity."""

    def offer(function):
        PATCHES[name] = function
        return function

    return offer


def command(verb):
    """Offers a command."""

    def offer(function):
        COMMANDS[verb] = function
        return function

    return offer


def before_start(function):
    """For a patch that needs the server's nodes."""
    BEFORE_START.append(function)
    return function


def choose(specification):
    """Applies `NAME[:ARGUMENT]`."""
    name, _, argument = specification.partition(":")
    if name not in PATCHES:
        raise SystemExit(f"there is no oddity {name!r}; there are {sorted(PATCHES)}")
    PATCHES[name](argument)


def number(text):
    """A whole number or a fraction, as JSON has it; also `inf` and `nan`."""
    value = float(text)
    return int(value) if value.is_integer() else value
