//! What only the embedded store promises, beside its port.

mod crash;
mod disk;
mod folder;
mod moving_index;
mod next_due;
mod places;
mod unreadable;
