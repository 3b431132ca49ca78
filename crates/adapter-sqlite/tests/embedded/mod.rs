//! What only the embedded store promises, beside its port.

mod crash;
mod damaged_index;
mod disk;
mod due_times;
mod erasure;
mod folder;
mod moving_index;
mod next_due;
mod one_date;
mod positions;
mod row_order;
mod unclaimed_window;
mod unreadable;
