// For the type checker alone; the server does not send it.
export * from "preact";
