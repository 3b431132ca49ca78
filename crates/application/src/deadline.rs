//! The one mechanism that ends a wait at the caller's deadline. Use cases wrap every call of a port in it that does not
//! take the deadline itself.

use std::future::Future;

use tokio::time::timeout_at;

use crate::caller::Caller;
use crate::ports::StoreError;

/// Waits for `call`, at most until the caller's deadline.
///
/// # Errors
/// What `call` fails with, or [`StoreError::Expired`].
pub(crate) async fn within<T, E: From<StoreError>>(
    caller: &Caller,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match timeout_at(caller.deadline, call).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Expired.into()),
    }
}
