"""Subscriptions that end, messages that are kept or lost, and limits on Publish requests.

`--odd keeps-messages`      Republish answers as Part 4 wants: until the message is acknowledged
`--odd forgets-messages`    Republish is always answered BadMessageNotAvailable
`--odd first-message-lost`  the connection breaks instead of the first message with values, which is then not kept
`--odd publish-limit:N`     refuses more than N Publish requests at once with BadTooManyPublishRequests
`--odd first-number:N`      the first message of each Subscription has the number N
`--odd notifications:N`     answers BadResponseTooLarge where more than N would be in a message, unless asked for no more
"""

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.subscription_service import SubscriptionService
from asyncua.server.uaprocessor import UaProcessor

from .registry import command, patch


@patch("keeps-messages")
def keeps_messages(_):
    def republish(self, wanted):
        kept = self._not_acknowledged_results.get(wanted)
        if kept is None:
            raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
        return kept.NotificationMessage

    InternalSubscription.republish = republish
    unknown_subscriptions_are_told()


@patch("forgets-messages")
def forgets_messages(_):
    def republish(self, wanted):
        raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)

    InternalSubscription.republish = republish
    unknown_subscriptions_are_told()


def unknown_subscriptions_are_told():
    republish = SubscriptionService.republish

    def republish_known(self, params):
        if params.SubscriptionId not in self.subscriptions:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)
        return republish(self, params)

    SubscriptionService.republish = republish_known


@patch("first-message-lost")
def first_message_lost(_):
    forgets_messages("")
    forward = UaProcessor.forward_publish_response
    lost = []

    async def forward_all_but_one(self, result, request):
        if not lost and result.NotificationMessage.NotificationData:
            lost.append(result)
            return self._transport.abort()
        await forward(self, result, request)

    UaProcessor.forward_publish_response = forward_all_but_one


@patch("publish-limit")
def publish_limit(argument):
    limit = int(argument)
    UaProcessor.publish_request_limit = lambda self, subscriptions: limit


@patch("first-number")
def first_number(argument):
    create = InternalSubscription.__init__

    def create_with_number(self, *arguments, **named):
        create(self, *arguments, **named)
        self._notification_seq = int(argument)

    InternalSubscription.__init__ = create_with_number


@patch("notifications")
def notifications(argument):
    limit = int(argument)
    asked = {}
    create, pop = SubscriptionService.create_subscription, InternalSubscription._pop_publish_result
    modify = SubscriptionService.modify_subscription
    publish = InternalSubscription.publish_results

    async def remember(self, params, *more, **named):
        result = await create(self, params, *more, **named)
        asked[result.SubscriptionId] = params.MaxNotificationsPerPublish or 2**31
        return result

    def remember_anew(self, params):
        asked[params.SubscriptionId] = params.MaxNotificationsPerPublish or 2**31
        return modify(self, params)

    def pop_as_many(self):
        most = asked.get(self.data.SubscriptionId, 2**31)
        waiting, left = self._triggered_datachanges, {}
        taken, count = {}, 0
        for item, values in waiting.items():
            room = max(0, most - count)
            if values[:room]:
                taken[item] = values[:room]
            if values[room:]:
                left[item] = values[room:]
            count += len(values)
        self._triggered_datachanges = taken
        result = pop(self)
        self._triggered_datachanges = left
        result.MoreNotifications = bool(left)
        return result

    async def publish_or_refuse(self, request=None):
        count = sum(map(len, self._triggered_datachanges.values()))
        if min(count, asked.get(self.data.SubscriptionId, 0)) <= limit:
            return await publish(self, request)
        if request is None:
            request = self.pub_request_callback(self.data.SubscriptionId)
        if request is None:
            return False
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = ua.StatusCode(ua.StatusCodes.BadResponseTooLarge)
        self.pub_result_callback.__self__.send_response(request.requesthdr.RequestHandle, request.seqhdr, response)
        return True

    SubscriptionService.create_subscription = remember
    SubscriptionService.modify_subscription = remember_anew
    InternalSubscription._pop_publish_result = pop_as_many
    InternalSubscription.publish_results = publish_or_refuse


def of_clients(test):
    """The Subscriptions in the order in which they were created."""
    subscriptions = test.server.iserver.subscription_service.subscriptions
    return [subscriptions[key] for key in sorted(subscriptions)]


@command("subscriptions")
async def count_subscriptions(test, _):
    """How many items each Subscription has, as a list."""
    return f"value {[len(sub.monitored_item_srv._monitored_items) for sub in of_clients(test)]}"


@command("end-subscription")
async def end_subscription(test, rest):
    """`NUMBER [SYMBOL]`: the Subscription of this number, counted from 0, is no more; with a code it says so first."""
    position, _, symbol = rest.partition(" ")
    subscription = of_clients(test)[int(position)]
    if symbol:
        await subscription.enqueue_statuschange(ua.StatusCode(getattr(ua.StatusCodes, symbol)))
        subscription._startup = True
        await subscription.publish_results()
    await test.server.iserver.subscription_service.delete_subscriptions([subscription.data.SubscriptionId])
    return "done"


@command("end-item")
async def end_item(test, rest):
    """`NAME`: every Subscription forgets its item of this node, and says nothing."""
    node_id = test.nodes[rest][0].nodeid
    for subscription in of_clients(test):
        service = subscription.monitored_item_srv
        ended = [key for key, item in service._monitored_items.items() if item.read_value_id.NodeId == node_id]
        service.delete_monitored_items(ended)
    return "done"
