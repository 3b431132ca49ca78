//! Scopes: what a caller's token allows. `access` decides with them; edges read them from tokens.

use std::fmt;

/// One permission of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read and watch orders.
    OrdersRead,
    /// Place orders, and cancel one's own.
    OrdersWrite,
    /// Every other command on orders, dead letters, and commands on many orders.
    OrdersOperate,
    /// Manage subscriber endpoints.
    Webhooks,
    /// Read metrics.
    Metrics,
    /// Administer the deployment.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::OrdersOperate,
        Self::Webhooks,
        Self::Metrics,
        Self::Admin,
    ];

    /// The text in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::OrdersOperate => "orders:operate",
            Self::Webhooks => "webhooks",
            Self::Metrics => "metrics",
            Self::Admin => "admin",
        }
    }

    /// Finds a scope by its text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes. Empty by default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether the set contains `scope`.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes of the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let all = Scope::ALL.into_iter();
        all.filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let scopes = scopes.into_iter();
        Self(scopes.fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Scope::as_str))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, Scopes};

    #[test]
    fn a_set_contains_exactly_the_scopes_that_it_was_made_of() {
        let scopes: Scopes = [Scope::OrdersWrite, Scope::Admin].into_iter().collect();
        for scope in Scope::ALL {
            let expected = matches!(scope, Scope::OrdersWrite | Scope::Admin);
            assert_eq!(scopes.contains(scope), expected, "{scope}");
            assert!(Scopes::all().contains(scope), "{scope}");
            assert!(!Scopes::default().contains(scope), "{scope}");
        }
        let listed: Vec<_> = scopes.iter().collect();
        assert_eq!(listed, [Scope::OrdersWrite, Scope::Admin]);
    }

    #[test]
    fn every_scope_is_found_by_its_text() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::from_name("orders"), None);
    }
}
