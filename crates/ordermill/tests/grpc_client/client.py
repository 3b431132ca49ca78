"""A client of the gRPC interface that is not ours: grpcio, which learns the messages by reflection; and curl, where a
header has to be exactly what is said here.

Called by the end-to-end test `grpc` with an address and the name of a check. Prints "ok" and ends with 0, or fails with
what was wrong. It owns no server and keeps nothing.
"""

import base64
import email
import subprocess
import sys
import threading
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

SERVICE = "ordermill.v1.OrderService"
WAIT = 60
UNKNOWN_ORDER = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11"


class Client:
    def __init__(self, address):
        self.address = address
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

    def create_told(self, timeout, **fields):
        """Leaves the deadline to the server: the library keeps only a deadline that is given to itself."""
        call, _ = self.method("CreateOrder")
        placing = call.future(self.order(**fields), metadata=deadline(timeout))
        return placing.result(WAIT)

    def told_by_curl(self, timeout, order):
        """The status of an order that is sent with exactly this deadline.

        This library makes a moment of a deadline and a deadline of that moment, by two readings of a clock of whole
        milliseconds: of some ten thousand calls with a deadline of none one leaves with a millisecond.
        """
        message = order.SerializeToString()
        options = ["--silent", "--show-error", "--http2-prior-knowledge", "--max-time", str(WAIT)]
        options += ["--output", "/dev/null", "--dump-header", "-", "--data-binary", "@-"]
        for header in ("content-type: application/grpc", "te: trailers", f"grpc-timeout: {timeout}"):
            options += ["--header", header]
        url = f"http://{self.address}/{SERVICE}/CreateOrder"
        framed = b"\0" + len(message).to_bytes(4, "big") + message
        sent = subprocess.run(["curl", *options, url], input=framed, stdout=subprocess.PIPE, check=True)
        headers = email.message_from_bytes(sent.stdout.partition(b"\r\n")[2])
        packed = headers["grpc-status-details-bin"]
        assert packed, f"was not refused: {sent.stdout}"
        status = status_pb2.Status.FromString(base64.b64decode(packed + "=" * (-len(packed) % 4)))
        assert headers["grpc-status"] == str(status.code), sent.stdout
        return status

    def placement(self, response):
        placements = self.pool.FindEnumTypeByName("ordermill.v1.Placement")
        return placements.values_by_number[response.placement].name.removeprefix("PLACEMENT_")

    def listed(self, user):
        """The ids of all orders of a user."""
        listed, cursor = [], ""
        while True:
            page = self.call("ListOrders", user_id=user, limit=1000, cursor=cursor)
            listed += [order.id for order in page.orders]
            if not page.has_more:
                return listed
            cursor = page.next_cursor

    def call(self, name, timeout=WAIT, **fields):
        call, request = self.method(name)
        return call(request(**fields), timeout=timeout)


def deadline(timeout):
    return [("grpc-timeout", timeout)]


def to_the_end(stream):
    """All that a stream says, cut off where it has no end."""
    cut = threading.Timer(WAIT, stream.cancel)
    cut.start()
    try:
        return list(stream)
    finally:
        cut.cancel()


def details_of(error):
    """The details of a refusal by their types."""
    status = rpc_status.from_call(error)
    assert status is not None, f"{error.code()} has no details: {error.details()}"
    return details_in(status)


def details_in(status):
    """The details of a status by their types, of which two are always there."""
    details = {}
    for packed in status.details:
        for kind in ("ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo"):
            message = getattr(error_details_pb2, kind)()
            if packed.Unpack(message):
                details[kind] = message
    assert details["ErrorInfo"].domain == "ordermill"
    assert details["RequestInfo"].request_id
    return details


def reason(error):
    return details_of(error)["ErrorInfo"].reason


def refused(code, reason, attempt):
    """The refusal of an attempt, with its details by their types."""
    try:
        result = attempt()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        details = details_of(error)
        assert details["ErrorInfo"].reason == reason, details
        return details
    raise AssertionError(f"was not refused: {result}")


def rows(client):
    """Each row of what bad input gets, except for tokens, which there are none of yet."""
    code = grpc.StatusCode
    refused(code.NOT_FOUND, "ORDER_NOT_FOUND", lambda: client.call("GetOrder", order_id=UNKNOWN_ORDER))

    bad = {"user_id": "a\0b", "lines": [{"quantity": "0"}], "idempotency_key": "a b"}
    details = refused(code.INVALID_ARGUMENT, "VALIDATION_FAILED", lambda: client.create(**bad))
    fields = {violation.field for violation in details["BadRequest"].field_violations}
    assert fields == {
        "user_id",
        "idempotency_key",
        "lines[0].product_name",
        "lines[0].quantity",
        "lines[0]",
    }, fields
    bad = lambda: client.call("ListOrders", limit=0, cursor="made-up")
    details = refused(code.INVALID_ARGUMENT, "VALIDATION_FAILED", bad)
    fields = {violation.field for violation in details["BadRequest"].field_violations}
    assert fields == {"limit", "cursor"}, fields

    placed = client.create(idempotency_key="k-1", external_id="X-1").order
    cancelled = client.call("CancelOrder", order_id=placed.id).order
    assert cancelled.version > placed.version
    again = lambda: client.call("CancelOrder", order_id=placed.id)
    refused(code.FAILED_PRECONDITION, "ILLEGAL_TRANSITION", again)
    same = client.call("UpdateStatus", order_id=placed.id, status="STATUS_CANCELLED").order
    assert same.version == cancelled.version

    placed = client.create().order
    stale = lambda: client.call("CancelOrder", order_id=placed.id, expected_version=placed.version + 1)
    refused(code.ABORTED, "VERSION_MISMATCH", stale)
    assert client.call("GetOrder", order_id=placed.id).order.version == placed.version

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

    rows_of_other_calls(client)


def rows_of_other_calls(client):
    """Batches, a dialect, watching and health."""
    code = grpc.StatusCode
    batch, _ = client.method("CreateOrders")
    orders = [client.order(user_id="batch")] * 10_001
    refused(code.RESOURCE_EXHAUSTED, "BATCH_TOO_LARGE", lambda: batch(iter(orders), timeout=WAIT))
    assert client.listed("batch") == []

    for user in ("one", "another"):
        client.create(user_id=user, external_id="shared")
    by_number, request = client.method("GetOrder", "order.OrderService")
    shared = lambda: by_number(request(order_id="shared"), timeout=WAIT)
    refused(code.FAILED_PRECONDITION, "SEVERAL_ORDERS", shared)

    watch, request = client.method("WatchOrder")
    nothing = lambda: to_the_end(watch(request(order_id=UNKNOWN_ORDER), timeout=WAIT))
    refused(code.NOT_FOUND, "ORDER_NOT_FOUND", nothing)
    watch_all, request = client.method("WatchOrders")
    tampered = lambda: to_the_end(watch_all(request(cursor="made-up"), timeout=WAIT))
    details = refused(code.INVALID_ARGUMENT, "VALIDATION_FAILED", tampered)
    assert [violation.field for violation in details["BadRequest"].field_violations] == ["cursor"]
    check, request = client.method("Check", "grpc.health.v1.Health")
    nobody = lambda: check(request(service="nobody"), timeout=WAIT)
    refused(code.NOT_FOUND, "NOT_FOUND", nobody)


def deadlines(client):
    """What had not begun to commit by its deadline never appears, and the server is who says so. Of what was in flight
    there is at most one, and its key finds out."""
    code = grpc.StatusCode
    for number in range(50):
        order = client.order(idempotency_key=f"passed-{number}")
        status = client.told_by_curl("0n", order)
        assert status.code == code.DEADLINE_EXCEEDED.value[0], status
        details = details_in(status)
        assert details["ErrorInfo"].reason == "DEADLINE_PASSED", details
        assert details["RetryInfo"].retry_delay.seconds >= 1
    assert client.listed("grpcio") == []
    for number in range(50):
        response = client.create(idempotency_key=f"passed-{number}")
        assert client.placement(response) == "CREATED", response

    # Deadlines that pass before, while and after the order is placed, and what each of them was told.
    told, ids = {}, {}
    for number in range(200):
        try:
            client.create_told(f"{number % 4}m", idempotency_key=f"late-{number}")
            told[number] = "OK"
        except grpc.RpcError as error:
            assert error.code() == code.DEADLINE_EXCEEDED, error
            details = details_of(error)
            told[number] = details["ErrorInfo"].reason
            if told[number] == "DEADLINE_PASSED":
                assert details["RetryInfo"].retry_delay.seconds >= 1
    # The same where the client is who stops waiting.
    for number in range(200, 400):
        try:
            client.create(timeout=0.0002 * (number % 10), idempotency_key=f"late-{number}")
            told[number] = "OK"
        except grpc.RpcError as error:
            assert error.code() == code.DEADLINE_EXCEEDED, error
    assert {"DEADLINE_PASSED"} <= set(told.values()) <= set(PLACEMENTS), told
    for number in range(400):
        response = client.create(idempotency_key=f"late-{number}")
        allowed = PLACEMENTS[told.get(number, "OUTCOME_UNKNOWN")]
        assert client.placement(response) in allowed, (told.get(number), response)
        ids[number] = response.order.id
    assert len(set(ids.values())) == 400
    listed = client.listed("grpcio")
    assert len(listed) == 450 and set(ids.values()) <= set(listed), len(listed)

    watch, request = client.method("WatchOrders")
    watching = lambda: to_the_end(watch(request(), metadata=deadline("2S")))
    refused(code.DEADLINE_EXCEEDED, "DEADLINE_PASSED", watching)


# What an order's key may find out later, by what was said of it first.
PLACEMENTS = {
    "OK": {"REPLAYED"},
    "DEADLINE_PASSED": {"CREATED"},
    "OUTCOME_UNKNOWN": {"CREATED", "REPLAYED"},
}


def crowd(client):
    """The server was started to take one call at a time: of many at once it refuses some, which may come again."""
    call, _ = client.method("CreateOrder")
    give_up, rounds, turned_away = time.monotonic() + WAIT, 0, []
    while not turned_away:
        assert time.monotonic() < give_up, "nothing was refused"
        orders = {f"{rounds}-{number}": None for number in range(50)}
        for key in orders:
            orders[key] = call.future(client.order(idempotency_key=key), timeout=WAIT)
        for key, placing in orders.items():
            try:
                assert client.placement(placing.result(WAIT)) == "CREATED"
            except grpc.RpcError:
                again = lambda: placing.result(WAIT)
                details = refused(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", again)
                assert details["RetryInfo"].retry_delay.seconds >= 1
                turned_away.append(key)
        rounds += 1
    assert len(client.listed("grpcio")) == rounds * 50 - len(turned_away)
    for key in turned_away:
        assert client.placement(client.create(idempotency_key=key)) == "CREATED"


def goodbye(client):
    """Says when it watches; the server is told to stop then."""
    call, request = client.method("WatchOrders")
    watching = call(request(), timeout=WAIT)
    next(watching)
    print("watching", flush=True)
    details = refused(grpc.StatusCode.UNAVAILABLE, "STOPPING", lambda: list(watching))
    assert details["RetryInfo"].retry_delay.seconds >= 1


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


CHECKS = (rows, deadlines, crowd, overload, goodbye, streams, equal_requests)

if __name__ == "__main__":
    address, name = sys.argv[1:]
    by_name = {check.__name__: check for check in CHECKS}
    by_name[name](Client(address))
    print("ok")
