//! Orders as rows of a CSV table: one row per line and one per adjustment, with the order's own columns repeated in
//! each, so that a spreadsheet can filter and sum them. The preset `ordermill` of `import` reads this layout again;
//! a new column must keep it readable. Writes nothing.

use std::borrow::Cow;

use clap::ValueEnum;
use order_import::formula;
use order_json::{AdjustmentView, LineView, OrderView};

/// The columns, in the order of the heading; each is named for the field of the order, line or adjustment that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Column {
    OrderId,
    ExternalId,
    UserId,
    Source,
    Status,
    Version,
    Currency,
    Amount,
    Row,
    Sku,
    ProductName,
    Quantity,
    UnitPrice,
    Total,
    AdjustmentKind,
    AdjustmentLabel,
    AdjustmentAmount,
    AdjustmentIncluded,
    Metadata,
    ProcessAfter,
    Attempt,
    FailureCode,
    FailureMessage,
    Result,
    ReceiptKey,
    WaitingFor,
    WaitingUntil,
    CreatedAt,
    UpdatedAt,
}

impl Column {
    /// The column's name in the heading and on the command line.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Whether the cells are foreign text, which may begin like a formula. Numbers stay numbers: a discount of -20.00
    /// is no formula.
    const fn is_text(self) -> bool {
        match self {
            Self::ExternalId
            | Self::UserId
            | Self::Sku
            | Self::ProductName
            | Self::AdjustmentLabel
            | Self::Metadata
            | Self::FailureCode
            | Self::FailureMessage
            | Self::Result
            | Self::ReceiptKey => true,
            Self::OrderId
            | Self::Source
            | Self::Status
            | Self::Version
            | Self::Currency
            | Self::Amount
            | Self::Row
            | Self::Quantity
            | Self::UnitPrice
            | Self::Total
            | Self::AdjustmentKind
            | Self::AdjustmentAmount
            | Self::AdjustmentIncluded
            | Self::ProcessAfter
            | Self::Attempt
            | Self::WaitingFor
            | Self::WaitingUntil
            | Self::CreatedAt
            | Self::UpdatedAt => false,
        }
    }
}

/// Which columns a table has, and how its text cells are written.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    is_raw: bool,
}

/// What one row is about.
#[derive(Debug, Clone, Copy)]
enum Subject<'o> {
    /// The order alone: it has no lines.
    Order,
    Line(&'o LineView<'o>),
    Adjustment(&'o AdjustmentView<'o>),
}

impl Table {
    /// A table with these columns, or all if none are named. `is_raw` leaves cells as they are that a spreadsheet
    /// program could run as a formula.
    pub fn new(columns: &[Column], is_raw: bool) -> Self {
        let columns = if columns.is_empty() {
            Column::value_variants()
        } else {
            columns
        };
        Self {
            columns: columns.to_vec(),
            is_raw,
        }
    }

    /// The names of the columns.
    pub fn heading(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name()).collect()
    }

    /// The rows of an order, at least one.
    pub fn rows<'t>(
        &'t self,
        order: &'t OrderView<'t>,
    ) -> impl Iterator<Item = Vec<Cow<'t, str>>> + 't {
        let bare = order.lines.is_empty().then_some(Subject::Order);
        let lines = order.lines.iter().map(Subject::Line);
        let adjustments = order.adjustments.iter().map(Subject::Adjustment);
        bare.into_iter()
            .chain(lines)
            .chain(adjustments)
            .map(move |subject| {
                let cells = self.columns.iter();
                cells
                    .map(|column| self.cell(*column, order, subject))
                    .collect()
            })
    }

    fn cell<'o>(
        &self,
        column: Column,
        order: &'o OrderView<'o>,
        subject: Subject<'o>,
    ) -> Cow<'o, str> {
        let cell = match subject {
            Subject::Order if column == Column::Row => Some("order".into()),
            Subject::Line(line) => line_cell(column, line),
            Subject::Adjustment(adjustment) => adjustment_cell(column, adjustment),
            Subject::Order => None,
        };
        let cell = cell.unwrap_or_else(|| order_cell(column, order));
        if self.is_raw || !column.is_text() {
            return cell;
        }
        match formula::defuse(&cell) {
            Cow::Owned(defused) => defused.into(),
            Cow::Borrowed(_) => cell,
        }
    }
}

/// `None` for a column that is not a line's.
fn line_cell<'o>(column: Column, line: &'o LineView<'o>) -> Option<Cow<'o, str>> {
    Some(match column {
        Column::Row => "line".into(),
        Column::Sku => line.sku.as_deref().unwrap_or_default().into(),
        Column::ProductName => line.product_name.as_str().into(),
        Column::Quantity => line.quantity.into(),
        Column::UnitPrice => line.unit_price.unwrap_or_default().into(),
        Column::Total => line.total.into(),
        _ => return None,
    })
}

/// `None` for a column that is not an adjustment's.
fn adjustment_cell<'o>(column: Column, adjustment: &'o AdjustmentView<'o>) -> Option<Cow<'o, str>> {
    Some(match column {
        Column::Row => "adjustment".into(),
        Column::AdjustmentKind => adjustment.kind.as_str().into(),
        Column::AdjustmentLabel => adjustment.label.as_deref().unwrap_or_default().into(),
        Column::AdjustmentAmount => adjustment.amount.into(),
        Column::AdjustmentIncluded => adjustment.included.to_string().into(),
        _ => return None,
    })
}

/// The order's own cell; blank in a column of lines or adjustments.
fn order_cell<'o>(column: Column, order: &'o OrderView<'o>) -> Cow<'o, str> {
    let failure = order.failure.as_ref();
    let waiting_for = order.waiting_for.as_ref();
    let text = match column {
        Column::OrderId => order.id.as_str(),
        Column::ExternalId => order.external_id.as_deref().unwrap_or_default(),
        Column::UserId => order.user_id.as_str(),
        Column::Source => order.source.as_str(),
        Column::Status => order.status.as_str(),
        Column::Version => return order.version.to_string().into(),
        Column::Currency => order.currency.as_str(),
        Column::Amount => order.amount,
        Column::Metadata => return serde_json::json!(order.metadata).to_string().into(),
        Column::ProcessAfter => order.process_after.as_deref().unwrap_or_default(),
        Column::Attempt => return order.attempt.to_string().into(),
        Column::FailureCode => failure.map_or("", |failure| &*failure.code),
        Column::FailureMessage => failure.map_or("", |failure| &*failure.message),
        Column::Result => order.result.unwrap_or_default(),
        Column::ReceiptKey => order.receipt_key.as_deref().unwrap_or_default(),
        Column::WaitingFor => waiting_for.map_or("", |waiting| &*waiting.what),
        Column::WaitingUntil => waiting_for
            .and_then(|waiting| waiting.until.as_deref())
            .unwrap_or_default(),
        Column::CreatedAt => order.created_at.as_str(),
        Column::UpdatedAt => order.updated_at.as_str(),
        Column::Row
        | Column::Sku
        | Column::ProductName
        | Column::Quantity
        | Column::UnitPrice
        | Column::Total
        | Column::AdjustmentKind
        | Column::AdjustmentLabel
        | Column::AdjustmentAmount
        | Column::AdjustmentIncluded => "",
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use order_json::OrderView;

    use super::{Column, Table};

    const ORDER: &str = r#"{"id":"0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11","external_id":"=1+1","user_id":"+15550100",
        "source":"api","status":"PENDING","version":1,"currency":"USD","amount":285.98,
        "lines":[{"sku":"KB-1","product_name":"Keyboard","quantity":2,"unit_price":149.99,"total":299.98},
                 {"sku":null,"product_name":"@home, \"soft\"","quantity":0.485,"unit_price":null,"total":0.00}],
        "adjustments":[{"kind":"discount","label":"-SPRING","amount":-20.00,"included":false},
                       {"kind":"tax","label":null,"amount":6.00,"included":true}],
        "metadata":{"note":"=x"},"process_after":"2026-02-01T00:00:00.000Z","attempt":0,"failure":null,"result":null,
        "receipt_key":null,"waiting_for":{"what":"process_after","until":"2026-02-01T00:00:00.000Z"},
        "created_at":"2026-01-31T12:00:00.000Z","updated_at":"2026-01-31T12:00:00.000Z"}"#;

    fn csv(table: &Table, order: &str) -> String {
        let order = OrderView::read(order.as_bytes()).unwrap();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(table.heading()).unwrap();
        for row in table.rows(&order) {
            writer
                .write_record(row.iter().map(|cell| cell.as_bytes()))
                .unwrap();
        }
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn an_order_is_a_row_per_line_and_per_adjustment_and_no_text_of_it_can_run_as_a_formula() {
        insta::assert_snapshot!(csv(&Table::new(&[], false), ORDER));
    }

    #[test]
    fn an_order_without_lines_is_one_row() {
        let order = r#"{"id":"i","external_id":null,"user_id":"a","source":"api","status":"FAILED","version":3,
            "currency":"JPY","amount":5,"lines":[],"adjustments":[],"metadata":{},"process_after":null,"attempt":2,
            "failure":{"code":"handler_refused","message":"-1 left"},"result":"-1","receipt_key":null,
            "waiting_for":{"what":"operator","until":null},"created_at":"c","updated_at":"u"}"#;
        insta::assert_snapshot!(csv(&Table::new(&[], false), order));
    }

    #[test]
    fn chosen_columns_come_in_the_chosen_order_and_raw_cells_as_they_are() {
        let columns = [Column::UserId, Column::Row, Column::AdjustmentAmount];
        assert_eq!(
            csv(&Table::new(&columns, true), ORDER),
            "user_id,row,adjustment_amount\n+15550100,line,\n+15550100,line,\n+15550100,adjustment,-20.00\n\
             +15550100,adjustment,6.00\n"
        );
    }
}
