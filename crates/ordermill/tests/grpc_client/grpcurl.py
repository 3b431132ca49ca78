"""Does what grpcurl would do with a line of docs/API.md, by another implementation of gRPC: grpcurl itself is built with
Go, which nothing else here needs.

Called by the end-to-end test `api_document`, in whose shell it goes by that name. Takes -plaintext, -d with JSON or @
(standard input), an address, and a method or "list"; learns the messages by reflection; prints each answer as JSON;
ends with 64 and the status code added where a call is refused, as grpcurl does.
"""

import json
import sys

import grpc
from client import Client
from google.protobuf import json_format
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def parse(arguments):
    """The data, the address, and what to do there. What is not known is refused, as grpcurl does."""
    data, plain, rest = None, False, []
    arguments = iter(arguments)
    for argument in arguments:
        if argument == "-plaintext":
            plain = True
        elif argument == "-d":
            data = next(arguments)
        elif argument.startswith("-"):
            sys.exit(f"grpcurl has no {argument} here")
        else:
            rest.append(argument)
    if not plain:
        sys.exit("grpcurl would ask for TLS without -plaintext")
    if len(rest) < 2:
        sys.exit("grpcurl needs an address and what to do there")
    return data, rest[0], rest[1:]


def messages(request, data):
    """The messages in some JSON: one after the other, with or without blanks between them."""
    text = (sys.stdin.read() if data == "@" else data).strip()
    decoder = json.JSONDecoder()
    while text:
        _, end = decoder.raw_decode(text)
        yield json_format.Parse(text[:end], request())
        text = text[end:].lstrip()


def names(client, service):
    """The names of all services, or of one service's methods."""
    if service is None:
        return sorted(ProtoReflectionDescriptorDatabase(client.channel).get_services())
    found = client.pool.FindServiceByName(service)
    return [f"{service}.{method.name}" for method in found.methods]


def call(client, name, data):
    """Calls a method and prints its answers as they come."""
    service, slash, method = name.rpartition("/")
    if not slash:
        service, _, method = name.rpartition(".")
    found = client.pool.FindServiceByName(service).FindMethodByName(method)
    make, request = client.method(method, service)
    if found.client_streaming:
        sent = messages(request, data) if data else iter(())
    else:
        [sent] = messages(request, data) if data else [request()]
    answers = make(sent)
    for answer in answers if found.server_streaming else [answers]:
        print(json_format.MessageToJson(answer), flush=True)


def main():
    data, address, rest = parse(sys.argv[1:])
    client = Client(address)
    if rest[0] == "list":
        print("\n".join(names(client, *(rest[1:] or [None]))))
        return
    [name] = rest
    try:
        call(client, name, data)
    except grpc.RpcError as error:
        print(f"ERROR:\n  Code: {error.code().name}\n  Message: {error.details()}", file=sys.stderr)
        sys.exit(64 + error.code().value[0])


if __name__ == "__main__":
    main()
