//! The one binary of end-to-end tests: everything here drives the real `ordermill` process from the outside.

mod api_document;
mod bench;
mod breaker;
mod command_line;
mod configuration;
mod dead_letters;
mod dialects;
mod eight_days;
mod endpoint;
mod export;
mod failing_customers;
mod fault;
mod grpc;
mod handler_examples;
mod house;
mod import;
mod import_checks;
mod import_presets;
mod import_without_numbers;
mod module_circles;
mod open_files;
mod operator;
mod owner_only;
mod proxies;
mod server;
mod without_hints;
