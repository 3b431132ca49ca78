//! What only the embedded store guarantees, in addition to its ports.

mod crash;
mod damaged_index;
mod disk;
mod due_times;
mod erasure;
mod folder;
mod index_rebuild;
mod moving_index;
mod next_due;
mod one_date;
mod positions;
mod row_order;
mod unclaimed_window;
mod unreadable;
