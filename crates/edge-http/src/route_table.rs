//! Which routes there are and which methods they take, as the OpenAPI document has them: for the refusals of unknown
//! addresses and methods, which say what would be right. `router` makes one.

use utoipa::openapi::OpenApi;

/// The routes, by their patterns.
#[derive(Debug)]
pub(crate) struct RouteTable(Vec<(String, String)>);

impl RouteTable {
    /// The routes of a document.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        Self(
            paths
                .map(|(path, item)| {
                    let reads = match path.as_str() {
                        // As orderflow had it.
                        "/api/orders" => "GET",
                        _ => "GET, HEAD",
                    };
                    let methods = [
                        (reads, item.get.is_some()),
                        ("POST", item.post.is_some()),
                        ("OPTIONS", item.options.is_some()),
                    ];
                    let methods = methods.iter().filter(|(_, is_there)| *is_there);
                    let methods: Vec<&str> = methods.map(|(method, _)| *method).collect();
                    (path.clone(), methods.join(", "))
                })
                .collect(),
        )
    }

    /// The methods of the route with this pattern, as the header `Allow` lists them.
    pub(crate) fn allowed(&self, pattern: &str) -> String {
        let route = self.0.iter().find(|(path, _)| path == pattern);
        route.map_or_else(String::new, |(_, methods)| methods.clone())
    }

    /// The address of ours that `path` would be without the slashes at its end, if it is one. Files are left out, because
    /// only their own table knows which of them exist, and dialects, whose refusals do not say it.
    pub(crate) fn without_slash<'p>(&self, path: &'p str) -> Option<&'p str> {
        let right = path.strip_suffix('/')?.trim_end_matches('/');
        let is_ours = |pattern: &str| {
            !["/docs/", "/dashboard/", "/orders", "/api/"]
                .iter()
                .any(|other| pattern.starts_with(other))
        };
        let mut patterns = self.0.iter().map(|(pattern, _)| pattern.as_str());
        patterns
            .any(|pattern| pattern != "/" && is_ours(pattern) && fits(pattern, right))
            .then_some(right)
    }
}

/// Whether a path has the pattern; a parameter in braces is one segment that is not empty.
fn fits(pattern: &str, path: &str) -> bool {
    let mut pattern = pattern.split('/');
    let mut path = path.split('/');
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(found)) => {
                let is_parameter = expected.starts_with('{');
                if (is_parameter && found.is_empty()) || (!is_parameter && expected != found) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RouteTable, fits};

    #[test]
    fn a_parameter_is_one_segment_and_never_empty() {
        for (pattern, path, expected) in [
            ("/v1/orders", "/v1/orders", true),
            ("/v1/orders", "/v1/orders/x", false),
            ("/v1/orders/{id}", "/v1/orders/x", true),
            ("/v1/orders/{id}", "/v1/orders/", false),
            ("/v1/orders/{id}/events", "/v1/orders//events", false),
            ("/", "/", true),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_table_names_the_right_address_and_methods() {
        let table = RouteTable::of(&crate::router::described());
        assert_eq!(table.allowed("/v1/orders"), "GET, HEAD, POST");
        assert_eq!(table.allowed("/api/orders"), "GET, POST, OPTIONS");
        assert_eq!(table.without_slash("/v1/orders/"), Some("/v1/orders"));
        assert_eq!(table.without_slash("/v1/orders//"), Some("/v1/orders"));
        for unknown in ["/v1/orders", "/nothing/", "/", "/orders/", "/docs/page.js/"] {
            assert_eq!(table.without_slash(unknown), None, "{unknown}");
        }
    }
}
