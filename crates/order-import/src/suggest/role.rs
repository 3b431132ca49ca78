//! What a column of an order file may hold. Names are looked up by it (`known_names`, `names`), columns are chosen by it
//! (`guess`), and the mapping is written by it.

/// What a column is guessed to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    OrderNumber,
    User,
    Currency,
    OrderTotal,
    Date,
    TimeOfDay,
    TimeZone,
    Status,
    CancelledAt,
    Sku,
    Product,
    Quantity,
    UnitPrice,
    LineTotal,
    Discount,
    DiscountLabel,
    Shipping,
    Tax,
    Tip,
    Fee,
    Note,
    Country,
}
