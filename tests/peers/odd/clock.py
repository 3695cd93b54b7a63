"""A clock that is wrong: `--odd clock:SECONDS` adds so many seconds to every time that the server tells.

That concerns the times of values and responses, and the CreatedAt of the channel's token.
"""

from datetime import datetime, timedelta

import asyncua.common.connection
import asyncua.server.internal_server
from asyncua.server.uaprocessor import UaProcessor

from .registry import patch

offset = timedelta()


class Skewed(datetime):
    """As `datetime`, but for the time of day."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + offset


@patch("clock")
def clock(seconds):
    global offset
    offset = timedelta(seconds=float(seconds))
    asyncua.common.connection.datetime = Skewed
    asyncua.server.internal_server.datetime = Skewed
    send = UaProcessor.send_response

    def send_with_time(self, handle, sequence, response, *more):
        response.ResponseHeader.Timestamp = response.ResponseHeader.Timestamp + offset
        message = getattr(getattr(response, "Parameters", None), "NotificationMessage", None)
        if message is not None:
            message.PublishTime = Skewed.now(message.PublishTime.tzinfo)
        send(self, handle, sequence, response, *more)

    UaProcessor.send_response = send_with_time
