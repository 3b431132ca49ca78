"""Places, reads, lists and cancels an order with the client that openapi-generator generates for Python.

Called by ../run: orders.py URL, with the generated package on PYTHONPATH. Ends with an AssertionError if an answer is not
what the server has to answer.
"""

import datetime
import importlib
import pkgutil
import sys

import orders_client
from orders_client import (
    AdjustmentKind,
    AdjustmentRequest,
    ApiClient,
    ApiException,
    CommandRequest,
    Configuration,
    LineRequest,
    Order,
    OrderRequest,
    OrdersApi,
    OrderStatus,
    Problem,
)

USER = "of-python"


def import_all_modules() -> None:
    """Some modules are imported by no other: a broken one would not be noticed."""
    for module in pkgutil.walk_packages(orders_client.__path__, "orders_client."):
        importlib.import_module(module.name)


def request() -> OrderRequest:
    return OrderRequest(
        user_id=USER,
        external_id="A-1",
        lines=[LineRequest(product_name="Mechanical Keyboard", quantity=2, unit_price=149.99)],
        adjustments=[AdjustmentRequest(kind=AdjustmentKind.SHIPPING, amount=6)],
        metadata={"note": "generated"},
        # So that it is not processed before it is cancelled.
        process_after=datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1),
    )


def refusal(call, *arguments, **named) -> Problem:
    try:
        answer = call(*arguments, **named)
    except ApiException as refused:
        assert isinstance(refused.data, Problem), refused
        assert refused.status == refused.data.status, refused
        return refused.data
    raise AssertionError(f"not refused: {answer}")


def main(url: str) -> None:
    import_all_modules()
    with ApiClient(Configuration(host=url)) as client:
        orders = OrdersApi(client)

        answer = orders.place_order_with_http_info(request(), idempotency_key="k-1")
        placed = answer.data
        assert answer.status_code == 201, answer
        assert isinstance(placed, Order), placed
        assert placed.amount == 305.98, placed.amount
        assert placed.status is OrderStatus.PENDING, placed.status
        assert placed.lines[0].total == 299.98, placed.lines
        assert placed.metadata == {"note": "generated"}, placed.metadata
        assert placed.waiting_for and placed.waiting_for.what == "process_after", placed.waiting_for

        problem = refusal(orders.place_order, OrderRequest(user_id=USER), idempotency_key="k-2")
        assert (problem.status, problem.code) == (422, "validation_failed"), problem

        read = orders.get_order(placed.id)
        assert read == placed, read

        page = orders.list_orders(user_id=USER, status=OrderStatus.PENDING)
        assert [order.id for order in page.data] == [placed.id] and not page.has_more, page

        cancelled = orders.cancel_order(placed.id, command_request=CommandRequest(reason="tried"))
        assert (cancelled.id, cancelled.status, cancelled.amount) == (placed.id, OrderStatus.CANCELLED, 305.98), cancelled

        problem = refusal(orders.cancel_order, placed.id)
        assert problem.code == "illegal_transition", problem


main(sys.argv[1])
