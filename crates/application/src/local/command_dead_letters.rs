//! One command on the dead letters that match a filter, newest first, page by page.

use domain::{OrderCommand, Reason, Status};

use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::orders::{CommandError, ListRequest};
use crate::ports::{CommitError, ListFilter};

/// The most dead letters that are read and changed at a time.
const LETTERS_AT_A_TIME: usize = 500;

impl LocalOrders {
    pub(super) async fn command_letters(
        &self,
        caller: &Caller,
        filter: ListFilter,
        command: OrderCommand,
        reason: Option<Reason>,
        limit: usize,
    ) -> Result<usize, CommandError> {
        access::may_operate(caller)?;
        let mut request = ListRequest {
            filter: ListFilter {
                status: Some(Status::Failed),
                ..filter
            },
            before: None,
            limit: 0,
        };
        let mut changed = 0;
        while changed < limit {
            request.limit = (limit - changed).min(LETTERS_AT_A_TIME);
            let page = self.visible_page(caller, request.clone()).await?;
            // A letter that people have replayed too often is left as it is, like one that changes meanwhile.
            let decided = page
                .orders
                .iter()
                .filter_map(|order| self.decide(caller, order, command, reason.clone()).ok());
            let writes = decided.collect();
            for result in self.writer.commit(writes, caller.deadline).await {
                match result {
                    Ok(_) => changed += 1,
                    Err(CommitError::Store(error)) => return Err(CommandError::Store(error)),
                    Err(_) => {}
                }
            }
            request.before = page.next_before;
            if request.before.is_none() {
                break;
            }
        }
        Ok(changed)
    }
}
