"""What is answered to a deadband on a node that is no number: `--odd filters:HOW`.

item:CODE   an item with a deadband on such a node gets that StatusCode
any:CODE    an item with any filter on such a node gets that StatusCode, also one that only has a trigger
call:CODE   the whole CreateMonitoredItems faults with that StatusCode where one of its items is such a one
silent      such an item is created, sends its first value, and no further one

Without it asyncua takes the deadband, and a text with one never changes again for its client.
"""

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.monitored_item_service import MonitoredItemService

from .registry import patch

NUMBERS = {getattr(ua.ObjectIds, name) for name in "SByte Byte Int16 UInt16 Int32 UInt32 Int64 UInt64 Float Double".split()}


@patch("filters")
def filters(argument):
    kind, _, symbol = argument.partition(":")
    create, create_all = MonitoredItemService._create_data_change_monitored_item, MonitoredItemService.create_monitored_items

    def is_refused(self, params):
        wanted = params.RequestedParameters.Filter
        data_type = self.aspace.read_attribute_value(params.ItemToMonitor.NodeId, ua.AttributeIds.DataType)
        is_number = data_type.Value and data_type.Value.Value and data_type.Value.Value.Identifier in NUMBERS
        if is_number or not hasattr(wanted, "DeadbandType"):
            return False
        return wanted.DeadbandType != 0 or kind == "any"

    async def one(self, params):
        if not is_refused(self, params) or kind == "call":
            return await create(self, params)
        if kind in ("item", "any"):
            result = ua.MonitoredItemCreateResult()
            result.StatusCode = ua.StatusCode(getattr(ua.StatusCodes, symbol))
            return result
        params.RequestedParameters.Filter = None
        result = await create(self, params)
        self.aspace.delete_datachange_callback(self._monitored_items[result.MonitoredItemId].callback_handle)
        return result

    async def all_of_them(self, params):
        if kind == "call" and any(is_refused(self, item) for item in params.ItemsToCreate):
            raise ServiceError(getattr(ua.StatusCodes, symbol))
        return await create_all(self, params)

    MonitoredItemService._create_data_change_monitored_item = one
    MonitoredItemService.create_monitored_items = all_of_them
