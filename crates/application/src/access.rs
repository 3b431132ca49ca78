//! Who may do what: the one place that decides it, for every use case and for watching. Pure; it reads nothing.
//!
//! Two rules hold together. A scope allows a kind of use case. A binding to one user hides the orders of all others,
//! whatever the scopes: they get the same answer as orders that do not exist, so that a bound caller cannot find out
//! which ids, external ids or versions others use.

use domain::{OrderCommand, UserId};

use crate::caller::Caller;
use crate::ports::ListFilter;
use crate::scope::Scope;

/// Why a caller may not do what it asked for. Permanent for this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Its token lacks a scope.
    #[error("this needs the scope {scope}")]
    MissingScope {
        /// The scope that would allow it.
        scope: Scope,
    },
    /// It is bound to one user, and asked for something of another user or of all users.
    #[error("this concerns other users than the one that the caller is bound to")]
    BoundToUser,
}

/// Whether the caller may read orders, each subject to [`sees`].
pub(crate) fn may_read(caller: &Caller) -> Result<(), Forbidden> {
    needs(caller, Scope::OrdersRead)
}

/// Whether the caller may read what covers the orders of all users: counts, or every change.
pub(crate) fn may_read_all_users(caller: &Caller) -> Result<(), Forbidden> {
    may_read(caller)?;
    match caller.principal.user_id {
        None => Ok(()),
        Some(_) => Err(Forbidden::BoundToUser),
    }
}

/// Whether an order of `user` exists for the caller.
pub(crate) fn sees(caller: &Caller, user: &UserId) -> bool {
    let bound_to = caller.principal.user_id.as_ref();
    bound_to.is_none_or(|own| own == user)
}

/// What a list shows the caller: the filter narrowed to its own user; `None` if nothing that it sees can match.
pub(crate) fn narrowed(caller: &Caller, filter: ListFilter) -> Option<ListFilter> {
    let Some(own) = &caller.principal.user_id else {
        return Some(filter);
    };
    match &filter.user_id {
        Some(asked) if asked != own => None,
        Some(_) => Some(filter),
        None => Some(ListFilter {
            user_id: Some(own.clone()),
            ..filter
        }),
    }
}

/// Whether the caller may place an order of `user`.
pub(crate) fn may_place(caller: &Caller, user: &UserId) -> Result<(), Forbidden> {
    needs(caller, Scope::OrdersWrite)?;
    if sees(caller, user) {
        Ok(())
    } else {
        Err(Forbidden::BoundToUser)
    }
}

/// Whether the caller may send this command to the orders that it sees. A caller that is bound to a user may cancel that
/// user's orders with the scope that places them; everything else is for operators.
pub(crate) fn may_command(caller: &Caller, command: OrderCommand) -> Result<(), Forbidden> {
    let is_own = caller.principal.user_id.is_some();
    match command {
        OrderCommand::Cancel if is_own && caller.scopes.contains(Scope::OrdersWrite) => Ok(()),
        OrderCommand::Cancel
        | OrderCommand::Hold
        | OrderCommand::Release
        | OrderCommand::Replay
        | OrderCommand::Discard => may_operate(caller),
    }
}

/// Whether the caller may work on the dead letters that it sees, or send commands to many orders.
pub(crate) fn may_operate(caller: &Caller) -> Result<(), Forbidden> {
    needs(caller, Scope::OrdersOperate)
}

/// Which orders a caller may watch, for as long as it watches. Its scopes were checked when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedOrders {
    /// `None` for all users.
    only_of: Option<UserId>,
}

impl WatchedOrders {
    /// What the caller may watch.
    pub(crate) fn by(caller: &Caller) -> Result<Self, Forbidden> {
        may_read(caller)?;
        Ok(Self {
            only_of: caller.principal.user_id.clone(),
        })
    }

    /// Whether it may watch the orders of all users.
    pub(crate) const fn of_all_users(&self) -> Result<(), Forbidden> {
        match self.only_of {
            None => Ok(()),
            Some(_) => Err(Forbidden::BoundToUser),
        }
    }

    /// Whether it may watch the orders of `user`.
    pub(crate) fn of_user(&self, user: &UserId) -> Result<(), Forbidden> {
        if self.include(user) {
            Ok(())
        } else {
            Err(Forbidden::BoundToUser)
        }
    }

    /// Whether it may be handed changes of orders of `user`.
    pub(crate) fn include(&self, user: &UserId) -> bool {
        self.only_of.as_ref().is_none_or(|own| own == user)
    }
}

fn needs(caller: &Caller, scope: Scope) -> Result<(), Forbidden> {
    if caller.scopes.contains(scope) {
        Ok(())
    } else {
        Err(Forbidden::MissingScope { scope })
    }
}

#[cfg(test)]
mod tests {
    use domain::{OrderCommand, Trace, UserId};

    use super::{
        Forbidden, WatchedOrders, may_command, may_operate, may_place, may_read,
        may_read_all_users, narrowed, sees,
    };
    use crate::caller::{Caller, Principal};
    use crate::ports::{Deadline, ListFilter};
    use crate::scope::Scope;

    const COMMANDS: [OrderCommand; 5] = [
        OrderCommand::Cancel,
        OrderCommand::Hold,
        OrderCommand::Release,
        OrderCommand::Replay,
        OrderCommand::Discard,
    ];

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn with(scopes: &[Scope], bound_to: Option<&str>) -> Caller {
        Caller {
            principal: Principal {
                subject: None,
                user_id: bound_to.map(user),
            },
            scopes: scopes.iter().copied().collect(),
            ..Caller::trusted(Trace::default(), Deadline::now())
        }
    }

    /// A caller with every scope except one.
    fn without(missing: Scope, bound_to: Option<&str>) -> Caller {
        let scopes = Scope::ALL.into_iter().filter(|scope| *scope != missing);
        with(&scopes.collect::<Vec<_>>(), bound_to)
    }

    fn missing(scope: Scope) -> Result<(), Forbidden> {
        Err(Forbidden::MissingScope { scope })
    }

    #[test]
    fn a_trusted_caller_may_do_everything() {
        let caller = Caller::trusted(Trace::default(), Deadline::now());
        assert_eq!(may_read(&caller), Ok(()));
        assert_eq!(may_read_all_users(&caller), Ok(()));
        assert_eq!(may_place(&caller, &user("alice")), Ok(()));
        assert_eq!(may_operate(&caller), Ok(()));
        for command in COMMANDS {
            assert_eq!(may_command(&caller, command), Ok(()), "{command:?}");
        }
    }

    #[test]
    fn reading_needs_its_scope_and_no_other() {
        for bound_to in [None, Some("alice")] {
            let caller = without(Scope::OrdersRead, bound_to);
            assert_eq!(may_read(&caller), missing(Scope::OrdersRead));
            assert_eq!(may_read_all_users(&caller), missing(Scope::OrdersRead));
            let watched = WatchedOrders::by(&caller).map(|_| ());
            assert_eq!(watched, missing(Scope::OrdersRead));
            assert_eq!(may_read(&with(&[Scope::OrdersRead], bound_to)), Ok(()));
        }
    }

    #[test]
    fn placing_needs_its_scope_and_the_callers_own_user() {
        let alice = user("alice");
        let caller = without(Scope::OrdersWrite, None);
        assert_eq!(may_place(&caller, &alice), missing(Scope::OrdersWrite));
        let bound = with(&[Scope::OrdersWrite], Some("alice"));
        assert_eq!(may_place(&bound, &alice), Ok(()));
        assert_eq!(may_place(&bound, &user("bob")), Err(Forbidden::BoundToUser));
        let unbound = with(&[Scope::OrdersWrite], None);
        assert_eq!(may_place(&unbound, &user("bob")), Ok(()));
    }

    #[test]
    fn a_bound_caller_cancels_its_own_orders_with_the_scope_that_places_them() {
        let writes = with(&[Scope::OrdersWrite], Some("alice"));
        for command in COMMANDS {
            let expected = match command {
                OrderCommand::Cancel => Ok(()),
                _ => missing(Scope::OrdersOperate),
            };
            assert_eq!(may_command(&writes, command), expected, "{command:?}");
        }
        // No order is the own one of a caller without a user.
        let unbound = with(&[Scope::OrdersWrite], None);
        for command in COMMANDS {
            let refused = may_command(&unbound, command);
            assert_eq!(refused, missing(Scope::OrdersOperate), "{command:?}");
        }
        let operates = with(&[Scope::OrdersOperate], Some("alice"));
        for command in COMMANDS {
            assert_eq!(may_command(&operates, command), Ok(()), "{command:?}");
        }
    }

    #[test]
    fn dead_letters_and_many_orders_are_for_operators() {
        let refused = may_operate(&without(Scope::OrdersOperate, None));
        assert_eq!(refused, missing(Scope::OrdersOperate));
    }

    #[test]
    fn a_bound_caller_sees_its_own_user_alone_whatever_its_scopes() {
        let alice = with(&Scope::ALL, Some("alice"));
        assert!(sees(&alice, &user("alice")));
        assert!(!sees(&alice, &user("bob")));
        assert!(!sees(&alice, &user("Alice")));
        assert_eq!(may_read_all_users(&alice), Err(Forbidden::BoundToUser));
        assert!(sees(&with(&[], None), &user("bob")));
    }

    #[test]
    fn a_bound_caller_watches_its_own_user_alone() {
        let (alice, bob) = (user("alice"), user("bob"));
        let bound = WatchedOrders::by(&with(&[Scope::OrdersRead], Some("alice"))).unwrap();
        assert_eq!(bound.of_all_users(), Err(Forbidden::BoundToUser));
        assert_eq!(bound.of_user(&alice), Ok(()));
        assert_eq!(bound.of_user(&bob), Err(Forbidden::BoundToUser));
        assert!(bound.include(&alice) && !bound.include(&bob));
        let unbound = WatchedOrders::by(&with(&[Scope::OrdersRead], None)).unwrap();
        assert_eq!(unbound.of_all_users(), Ok(()));
        assert_eq!(unbound.of_user(&bob), Ok(()));
        assert!(unbound.include(&bob));
    }

    #[test]
    fn lists_are_narrowed_to_the_user_that_the_caller_is_bound_to() {
        let of = |name: Option<&str>| ListFilter {
            user_id: name.map(user),
            failure_code: Some("code".to_owned()),
            ..ListFilter::default()
        };
        let alice = with(&Scope::ALL, Some("alice"));
        assert_eq!(narrowed(&alice, of(None)), Some(of(Some("alice"))));
        assert_eq!(narrowed(&alice, of(Some("alice"))), Some(of(Some("alice"))));
        assert_eq!(narrowed(&alice, of(Some("bob"))), None);
        let unbound = with(&Scope::ALL, None);
        assert_eq!(narrowed(&unbound, of(None)), Some(of(None)));
        assert_eq!(narrowed(&unbound, of(Some("bob"))), Some(of(Some("bob"))));
    }
}
