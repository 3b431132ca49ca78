//! Puts rows together into orders: rows that share an external id, or else a key, and follow each other are one; where
//! the mapping names neither, each row is one. An order with a faulty
//! row is refused whole; so is an order next to a broken row that may belong to it, because taking an order without one
//! of its lines is worse than being asked for it again. Holds one order at a time. Pure.

use std::sync::Arc;

use super::fields::Bound;
use super::group::{Group, Place, Ready, Refusal};
use super::local_time::TimeReader;
use super::rows::Row;

/// Broken rows in a stretch beyond so many are reported, but not weighed against their neighbours one by one.
const MAX_DOUBTS: usize = 1000;

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// An order without a fault.
    Ready(Ready),
    /// An order with faults, or a row that is no order's: one refusal a fault.
    Refused(Vec<Refusal>),
}

/// A broken row since the last good one, whose order is not known.
struct Doubt {
    place: Place,
    external_id: Option<String>,
    is_certain: bool,
}

impl Doubt {
    fn may_belong_to(&self, external_id: &str) -> bool {
        match &self.external_id {
            Some(own) if self.is_certain => own == external_id,
            Some(_) | None => true,
        }
    }
}

/// Keys for orders that have no name of their own: another one each, and others in each run.
#[derive(Debug, Clone)]
pub struct RunKeys {
    run: u64,
    given: u64,
}

impl RunKeys {
    /// Those of the run with this random number.
    pub const fn of(run: u64) -> Self {
        Self { run, given: 0 }
    }

    /// The next one.
    pub fn next(&mut self) -> String {
        self.given += 1;
        format!("import-{:016x}-{}", self.run, self.given)
    }
}

/// Grows one order at a time.
pub struct Assembler<'m> {
    time: Option<TimeReader<'m>>,
    keys: RunKeys,
    open: Option<Group>,
    doubts: Vec<Doubt>,
}

impl<'m> Assembler<'m> {
    /// `time` reads the time of each order, where it is asked for.
    pub const fn new(time: Option<TimeReader<'m>>, keys: RunKeys) -> Self {
        Self {
            time,
            keys,
            open: None,
            doubts: Vec::new(),
        }
    }

    /// Takes the next row of a file.
    pub fn push(&mut self, file: &Arc<str>, row: &Row, bound: &Bound<'_>, out: &mut Vec<Item>) {
        let place = Place {
            file: Arc::clone(file),
            row: row.number,
        };
        if row.broken.is_some() {
            self.push_broken(place, row, bound, out);
            return;
        }
        let name = bound.name(&row.cells);
        // A row without a name is an order of its own; where it ought to have one, its check refuses it.
        let continues =
            !name.is_empty() && self.open.as_ref().is_some_and(|open| open.name == name);
        let doubts = std::mem::take(&mut self.doubts);
        if continues {
            let open = self
                .open
                .as_mut()
                .expect("a row continues an open order alone");
            doubts
                .iter()
                .for_each(|doubt| refuse_beside(open, &doubt.place));
        } else {
            self.close(&doubts, bound, out);
            let (own, key, time) = (name.clone(), self.keys.next(), self.time.as_ref());
            let mut group = Group::begin(own, key, &place, row, bound, time);
            doubts
                .iter()
                .filter(|doubt| doubt.may_belong_to(&name))
                .for_each(|doubt| refuse_beside(&mut group, &doubt.place));
            self.open = Some(group);
        }
        if let Some(open) = self.open.as_mut() {
            open.push(place, row, bound);
        }
    }

    /// Ends the last order.
    pub fn finish(&mut self, bound: &Bound<'_>, out: &mut Vec<Item>) {
        let doubts = std::mem::take(&mut self.doubts);
        self.close(&doubts, bound, out);
    }

    fn push_broken(&mut self, place: Place, row: &Row, bound: &Bound<'_>, out: &mut Vec<Item>) {
        let Some(broken) = &row.broken else {
            return;
        };
        let (external_id, is_certain) = bound.broken_name(&row.cells, broken.trusted_cells);
        if let Some(open) = self.open.as_mut()
            && external_id.as_deref() == Some(&*open.name)
        {
            open.refuse(&place, String::new(), broken.code, broken.reason.clone());
            return;
        }
        out.push(Item::Refused(vec![Refusal {
            place: place.clone(),
            column: String::new(),
            external_id: external_id
                .clone()
                .filter(|_| is_certain)
                .unwrap_or_default(),
            code: broken.code.to_owned(),
            reason: broken.reason.clone(),
        }]));
        // Where each row is an order, a broken one is nobody else's.
        let may_be_anothers = bound.mapping.order.name().is_some();
        if may_be_anothers && self.doubts.len() < MAX_DOUBTS {
            self.doubts.push(Doubt {
                place,
                external_id,
                is_certain,
            });
        }
    }

    fn close(&mut self, doubts: &[Doubt], bound: &Bound<'_>, out: &mut Vec<Item>) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let name = open.name.clone();
        doubts
            .iter()
            .filter(|doubt| doubt.may_belong_to(&name))
            .for_each(|doubt| refuse_beside(&mut open, &doubt.place));
        out.push(match open.finish(bound) {
            Ok(ready) => Item::Ready(ready),
            Err(refusals) => Item::Refused(refusals),
        });
    }
}

fn refuse_beside(group: &mut Group, place: &Place) {
    let reason = "this row cannot be read and may belong to the order".to_owned();
    group.refuse(place, String::new(), "broken_row", reason);
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::super::fields::Bound;
    use super::super::mapping::Mapping;
    use super::super::rows::Rows;
    use super::{Assembler, Item, RunKeys};

    const MAPPING: &str = "currency = \"GBP\"\n[order]\nexternal_id = \"no\"\nuser_id = { column = \"user\", strip_suffix = \".0\", when_empty = \"guest\" }\n\
        metadata = { country = \"country\" }\n[line]\nproduct_name = [\"name\", \"sku\"]\nsku = \"sku\"\nquantity = \"quantity\"\nunit_price = \"price\"\n";
    const HEADING: &str = "no,sku,name,quantity,price,user,country\n";

    /// What became of each order, in the order of the file: `+id` taken, `-row:column:code,...` refused.
    fn import(rows: &str) -> Vec<String> {
        let mapping = Mapping::parse(MAPPING).unwrap();
        let names = mapping.columns();
        let bytes = Box::new(Cursor::new(format!("{HEADING}{rows}").into_bytes()));
        let mut rows = Rows::begin(bytes, None, b',', &names).unwrap().unwrap();
        let bound = Bound::new(&mapping, &names, rows.columns()).unwrap();
        let mut assembler = Assembler::new(None, RunKeys::of(0));
        let (file, mut out) = (Arc::from("f"), Vec::new());
        while let Some(row) = rows.next().unwrap() {
            assembler.push(&file, &row, &bound, &mut out);
        }
        assembler.finish(&bound, &mut out);
        out.into_iter()
            .map(|item| match item {
                Item::Ready(ready) => format!("+{}", ready.external_id),
                Item::Refused(refusals) => {
                    let faults: Vec<_> = refusals
                        .iter()
                        .map(|refusal| {
                            format!("{}:{}:{}", refusal.place.row, refusal.column, refusal.code)
                        })
                        .collect();
                    format!("-{}", faults.join(","))
                }
            })
            .collect()
    }

    #[test]
    fn rows_that_follow_each_other_with_one_number_are_one_order() {
        assert_eq!(
            import("1,A,a,1,1.00,7.0,UK\n1,B,b,2,2.50,7.0,UK\n2,C,,1,0.0,,UK\n"),
            ["+1", "+2"]
        );
    }

    #[test]
    fn an_order_with_faulty_rows_is_refused_whole_with_every_fault_and_the_others_are_taken() {
        assert_eq!(
            import(
                "1,A,a,1,1.00,7,UK\n2,A,a,-1,1.005,7,UK\n2,,,1,1.00,7,UK\n2,B,b,1,1.00,8,UK\n3,A,a,1,1,7,UK\n"
            ),
            [
                "+1",
                "-3:quantity:out_of_range,3:price:too_precise,4:name|sku:required,5:user:contradicts",
                "+3"
            ]
        );
    }

    #[test]
    fn a_broken_row_refuses_the_order_that_it_names_and_no_other() {
        let good = |no: u32| format!("{no},A,a,1,1.00,7,UK\n");
        let broken = |no: u32| format!("{no},A,\"a\"b,1,1.00,7,UK\n");
        assert_eq!(
            import(&format!("{}{}{}", good(1), broken(2), good(3))),
            ["-3::bad_quotes", "+1", "+3"]
        );
        assert_eq!(
            import(&format!("{}{}{}", good(1), broken(1), good(3))),
            ["-3::bad_quotes", "+3"]
        );
        assert_eq!(
            import(&format!("{}{}{}", good(1), broken(2), good(2))),
            ["-3::bad_quotes", "+1", "-3::broken_row"]
        );
    }

    #[test]
    fn a_broken_row_of_an_unknown_order_refuses_both_neighbours() {
        let good = |no: u32| format!("{no},A,a,1,1.00,7,UK\n");
        let rows = format!("{}{}\"x\"y,1\n{}{}", good(1), good(2), good(3), good(4));
        assert_eq!(
            import(&rows),
            [
                "+1",
                "-4::bad_quotes",
                "-4::broken_row",
                "-4::broken_row",
                "+4"
            ]
        );
    }

    #[test]
    fn a_row_without_a_number_is_refused_alone() {
        assert_eq!(
            import("1,A,a,1,1.00,7,UK\n,A,a,1,1.00,7,UK\n,A,a,1,1.00,7,UK\n2,A,a,1,1.00,7,UK\n"),
            ["+1", "-3:no:required", "-4:no:required", "+2"]
        );
    }

    #[test]
    fn a_thousand_and_one_lines_are_too_many() {
        let row = "1,A,a,1,1.00,7,UK\n";
        assert_eq!(import(&row.repeat(1000)), ["+1"]);
        assert_eq!(import(&row.repeat(5000)), ["-2::too_many"]);
    }
}
