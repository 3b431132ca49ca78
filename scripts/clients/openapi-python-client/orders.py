"""Places, reads, lists and cancels an order with the client that openapi-python-client generates.

Called by ../run: orders.py URL, with the generated package on PYTHONPATH. Ends with an AssertionError if an answer is not
what the server has to answer.
"""

import datetime
import importlib
import pkgutil
import sys

import orders_client
from orders_client import Client
from orders_client.api.orders import cancel_order, get_order, list_orders, place_order
from orders_client.models import (
    AdjustmentKind,
    AdjustmentRequest,
    CommandRequest,
    LineRequest,
    Order,
    OrderPage,
    OrderRequest,
    OrderStatus,
    Problem,
    RequestMetadata,
)

USER = "of-openapi-python-client"


def import_all_modules() -> None:
    """The package imports a module when it is used: a broken one would not be noticed."""
    for module in pkgutil.walk_packages(orders_client.__path__, "orders_client."):
        importlib.import_module(module.name)


def request() -> OrderRequest:
    metadata = RequestMetadata()
    metadata["note"] = "generated"
    return OrderRequest(
        user_id=USER,
        external_id="A-1",
        lines=[LineRequest(product_name="Mechanical Keyboard", quantity=2, unit_price=149.99)],
        adjustments=[AdjustmentRequest(kind=AdjustmentKind.SHIPPING, amount=6)],
        metadata=metadata,
        # So that it is not processed before it is cancelled.
        process_after=datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1),
    )


def main(url: str) -> None:
    import_all_modules()
    client = Client(base_url=url, raise_on_unexpected_status=True)

    answer = place_order.sync_detailed(client=client, body=request(), idempotency_key="k-1")
    placed = answer.parsed
    assert answer.status_code == 201, answer
    assert isinstance(placed, Order), placed
    assert placed.amount == 305.98, placed.amount
    assert placed.status is OrderStatus.PENDING, placed.status
    assert placed.lines[0].total == 299.98, placed.lines
    assert placed.metadata.to_dict() == {"note": "generated"}, placed.metadata
    assert placed.waiting_for and placed.waiting_for.what == "process_after", placed.waiting_for

    again = place_order.sync_detailed(client=client, body=OrderRequest(user_id=USER), idempotency_key="k-2")
    assert isinstance(again.parsed, Problem), again
    assert (again.parsed.status, again.parsed.code) == (422, "validation_failed"), again.parsed

    read = get_order.sync(placed.id, client=client)
    assert isinstance(read, Order) and read == placed, read

    page = list_orders.sync(client=client, user_id=USER, status=OrderStatus.PENDING)
    assert isinstance(page, OrderPage), page
    assert [order.id for order in page.data] == [placed.id] and not page.has_more, page

    cancelled = cancel_order.sync(placed.id, client=client, body=CommandRequest(reason="tried"))
    assert isinstance(cancelled, Order), cancelled
    assert (cancelled.id, cancelled.status, cancelled.amount) == (placed.id, OrderStatus.CANCELLED, 305.98), cancelled

    refused = cancel_order.sync(placed.id, client=client, body=CommandRequest())
    assert isinstance(refused, Problem) and refused.code == "illegal_transition", refused


main(sys.argv[1])
