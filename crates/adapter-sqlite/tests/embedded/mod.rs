//! What only the embedded store promises, beside its port.

mod crash;
mod damaged_index;
mod disk;
mod due_times;
mod erasure;
mod folder;
mod fresh_window;
mod moving_index;
mod next_due;
mod one_date;
mod places;
mod positions;
mod unreadable;
