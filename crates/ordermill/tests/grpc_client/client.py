"""A client of the gRPC interface that is not ours: grpcio, which learns the messages by reflection.

Called by the end-to-end test `grpc` with an address and the name of a check. Prints "ok" and ends with 0, or fails with
what was wrong. It owns no server and keeps nothing.
"""

import sys
import threading
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

SERVICE = "ordermill.v1.OrderService"
WAIT = 20


class Client:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])
        grpc.channel_ready_future(self.channel).result(WAIT)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def method(self, name, service=SERVICE):
        found = self.pool.FindServiceByName(service).FindMethodByName(name)
        request = message_factory.GetMessageClass(found.input_type)
        response = message_factory.GetMessageClass(found.output_type)
        kinds = {
            (False, False): self.channel.unary_unary,
            (True, False): self.channel.stream_unary,
            (False, True): self.channel.unary_stream,
            (True, True): self.channel.stream_stream,
        }
        make = kinds[found.client_streaming, found.server_streaming]
        call = make(f"/{service}/{name}", request.SerializeToString, response.FromString)
        return call, request

    def order(self, **fields):
        _, request = self.method("CreateOrder")
        order = request(user_id="grpcio", amount={"minor_units": 1998, "currency": "USD"})
        order.MergeFrom(request(**fields))
        return order

    def create(self, timeout=WAIT, **fields):
        call, _ = self.method("CreateOrder")
        return call(self.order(**fields), timeout=timeout)

    def call(self, name, timeout=WAIT, **fields):
        call, request = self.method(name)
        return call(request(**fields), timeout=timeout)


def refused(code, reason, attempt):
    """The refusal of an attempt, with its details by their types."""
    try:
        result = attempt()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        status = rpc_status.from_call(error)
        assert status is not None, f"{code} has no details"
        details = {}
        for packed in status.details:
            for kind in ("ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo"):
                message = getattr(error_details_pb2, kind)()
                if packed.Unpack(message):
                    details[kind] = message
        assert details["ErrorInfo"].domain == "ordermill"
        assert details["ErrorInfo"].reason == reason, details
        assert details["RequestInfo"].request_id
        return details
    raise AssertionError(f"was not refused: {result}")


def rows(client):
    """Each row of what bad input gets, except for tokens, which there are none of yet."""
    code = grpc.StatusCode
    missing = str(uuid.UUID("0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11"))
    refused(code.NOT_FOUND, "NOT_FOUND", lambda: client.call("GetOrder", order_id=missing))

    bad = {"user_id": "a\0b", "lines": [{"quantity": 0}], "idempotency_key": "a b"}
    details = refused(code.INVALID_ARGUMENT, "VALIDATION_FAILED", lambda: client.create(**bad))
    fields = {violation.field for violation in details["BadRequest"].field_violations}
    assert fields == {
        "user_id",
        "idempotency_key",
        "lines[0].product_name",
        "lines[0].quantity",
        "lines[0].unit_price",
    }, fields

    placed = client.create(idempotency_key="k-1", external_id="X-1").order
    cancelled = client.call("CancelOrder", order_id=placed.id).order
    assert cancelled.version > placed.version
    again = lambda: client.call("CancelOrder", order_id=placed.id)
    refused(code.FAILED_PRECONDITION, "ILLEGAL_TRANSITION", again)
    same = client.call("UpdateStatus", order_id=placed.id, status="STATUS_CANCELLED").order
    assert same.version == cancelled.version

    other = {"metadata": {"another": "body"}}
    reused = lambda: client.create(idempotency_key="k-1", **other)
    refused(code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", reused)
    taken = lambda: client.create(external_id="X-1", **other)
    refused(code.ALREADY_EXISTS, "EXTERNAL_ID_TAKEN", taken)

    large = {"metadata": {"note": "x" * 2_000_000}}
    refused(code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", lambda: client.create(**large))

    unknown = client.channel.unary_unary(f"/{SERVICE}/DropOrders")
    refused(code.UNIMPLEMENTED, "UNKNOWN_METHOD", lambda: unknown(b"", timeout=WAIT))

    garbage = client.channel.unary_unary(f"/{SERVICE}/CreateOrder")
    refused(code.INVALID_ARGUMENT, "MALFORMED_MESSAGE", lambda: garbage(b"\x0f\x01", timeout=WAIT))


def deadlines(client):
    """What a client stopped waiting for is there at most once, and its key finds out."""
    late = 0
    for number in range(200):
        try:
            client.create(timeout=0.0002 * (number % 10), idempotency_key=f"late-{number}")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
            late += 1
    assert late > 0, "no deadline passed"
    ids = {client.create(idempotency_key=f"late-{number}").order.id for number in range(200)}
    assert len(ids) == 200
    call, request = client.method("ListOrders")
    listed, cursor = [], ""
    while True:
        page = call(request(user_id="grpcio", limit=1000, cursor=cursor), timeout=WAIT)
        listed += [order.id for order in page.orders]
        if not page.has_more:
            break
        cursor = page.next_cursor
    assert len(listed) == 200 and set(listed) == ids, len(listed)


def overload(client):
    """The server was started with room for one stream."""
    call, request = client.method("WatchOrders")
    watching = call(request(), timeout=WAIT)
    next(watching)
    second = lambda: next(call(request(), timeout=WAIT))
    details = refused(grpc.StatusCode.UNAVAILABLE, "TOO_MANY_STREAMS", second)
    assert details["RetryInfo"].retry_delay.seconds >= 1
    watching.cancel()


def streams(client):
    """Intake, batches, watching, health and a dialect, as another implementation of gRPC sees them."""
    call, _ = client.method("IntakeOrders")
    orders = [client.order(idempotency_key=f"s-{number}") for number in range(1000)]
    results = list(call(iter(orders), timeout=WAIT))
    assert [result.index for result in results] == list(range(1000))
    assert all(result.HasField("placed") for result in results)

    call, _ = client.method("CreateOrders")
    batch = call(iter([*orders[:10], client.order(user_id="\0")]), timeout=WAIT)
    assert (batch.accepted, batch.existing, batch.refused) == (0, 10, 1), batch

    call, request = client.method("WatchOrder")
    changes = list(call(request(order_id=results[0].placed.order_id, after_version=0), timeout=WAIT))
    versions = [message.change.version for message in changes if message.HasField("change")]
    assert versions == [1, 2, 3], versions

    check, request = client.method("Check", "grpc.health.v1.Health")
    assert check(request(service=SERVICE), timeout=WAIT).status == 1

    stream, request = client.method("StreamOrders", "grpcstream.OrderStream")
    words = stream(iter([request(id="d-1", amount=19.98, customer_id="u"), request()]), timeout=WAIT)
    words = [word.status for word in words]
    assert words[0] == "received" and words[1].startswith("rejected: "), words


def equal_requests(client):
    """200 equal requests with one key, at once."""
    ids, faults = set(), []

    def place():
        try:
            ids.add(client.create(idempotency_key="one-key").order.id)
        except grpc.RpcError as error:
            faults.append(error)

    client.create(user_id="somebody-else")  # Reflection is over before the threads begin.
    threads = [threading.Thread(target=place) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults and len(ids) == 1, (faults[:1], ids)


CHECKS = {check.__name__: check for check in (rows, deadlines, overload, streams, equal_requests)}

if __name__ == "__main__":
    CHECKS[sys.argv[2]](Client(sys.argv[1]))
    print("ok")
