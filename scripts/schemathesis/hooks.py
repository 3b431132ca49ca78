"""How schemathesis sends what it does not know: a batch of lines is a text, which goes as it is."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    return str(value).encode("utf-8", "surrogatepass")
