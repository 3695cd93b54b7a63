"""What a server grants in place of what was asked for: `--odd grant:WHAT=NUMBER`.

WHAT is one of `session-timeout` (milliseconds), `publishing-interval` (milliseconds; an impossible one is told and not
kept), `keep-alive-count`, `lifetime-count`, `queue-size`, `token-lifetime` (milliseconds).
"""

import copy
import math

from asyncua.common.connection import SecureConnection
from asyncua.server.monitored_item_service import MonitoredItemService
from asyncua.server.subscription_service import SubscriptionService

from .registry import before_start, number, patch

LONGEST_KEPT = 60_000


def session_timeout(granted):
    @before_start
    async def grant(test):
        test.server.iserver.min_session_timeout_ms = granted
        test.server.iserver.max_session_timeout_ms = granted


def of_subscription(field, granted):
    create = SubscriptionService.create_subscription

    async def create_as_granted(self, params, *more, **named):
        result = await create(self, params, *more, **named)
        kept = self.subscriptions[result.SubscriptionId].data
        is_possible = not math.isnan(granted) and 0 < granted <= LONGEST_KEPT
        if field != "RevisedPublishingInterval" or is_possible:
            setattr(kept, field, granted)
        told = copy.copy(result)
        setattr(told, field, granted)
        return told

    SubscriptionService.create_subscription = create_as_granted


def queue_size(granted):
    MonitoredItemService._revise_queue_size = lambda self, requested: granted


def token_lifetime(granted):
    open_channel = SecureConnection.open

    def open_as_granted(self, params, server):
        params.RequestedLifetime = granted
        return open_channel(self, params, server)

    SecureConnection.open = open_as_granted


@patch("grant")
def grant(argument):
    what, _, text = argument.partition("=")
    granted = number(text)
    match what:
        case "session-timeout":
            session_timeout(granted)
        case "publishing-interval":
            of_subscription("RevisedPublishingInterval", granted)
        case "keep-alive-count":
            of_subscription("RevisedMaxKeepAliveCount", granted)
        case "lifetime-count":
            of_subscription("RevisedLifetimeCount", granted)
        case "queue-size":
            queue_size(granted)
        case "token-lifetime":
            token_lifetime(granted)
        case _:
            raise SystemExit(f"grant:{what!r} is nothing that can be granted")
