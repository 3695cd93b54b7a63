"""Text that is not UTF-8, where the server speaks of itself and of its nodes.

`--odd text:PLACE` with one of `application`, `product`, `namespace`, `display`, `browse`. For values see `raw.py`.
"""

from datetime import datetime, timezone

from asyncua import ua

from .registry import before_start, patch

# asyncua writes the byte FC of ISO 8859-1 as it is.
TEXT = b"T\xfcR".decode("utf-8", errors="surrogateescape")


async def odd_node(test, name, display):
    node_id = ua.NodeId("OddName", test.index)
    node = await test.folder.add_variable(node_id, ua.QualifiedName(name, test.index), 1.5)
    if display:
        text = ua.DataValue(ua.Variant(ua.LocalizedText(display), ua.VariantType.LocalizedText))
        await node.write_attribute(ua.AttributeIds.DisplayName, text)


@patch("text")
def text(place):
    @before_start
    async def put(test):
        match place:
            case "application":
                test.server.set_server_name(TEXT)
            case "product":
                await test.server.set_build_info(TEXT, TEXT, TEXT, "1", "1", datetime.now(timezone.utc))
            case "namespace":
                await test.server.register_namespace(TEXT)
            case "display":
                await odd_node(test, "OddName", TEXT)
            case "browse":
                await odd_node(test, TEXT, None)
            case _:
                raise SystemExit(f"text:{place!r} is no place")
