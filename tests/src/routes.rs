//! Every route, for tests that ask each of them.

/// A route as a test asks it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method that it takes.
    pub method: &'static str,
    /// Its pattern, as the application names it.
    pub pattern: &'static str,
    /// A path of that pattern.
    pub path: &'static str,
    /// Whether it reads a body.
    pub reads: bool,
}

impl Route {
    /// Whether a path is of this route's pattern.
    pub fn fits(&self, path: &str) -> bool {
        let (pattern, path): (Vec<&str>, Vec<&str>) =
            (self.pattern.split('/').collect(), path.split('/').collect());
        let fits = |(part, given): (&&str, &&str)| part.starts_with('{') || part == given;
        pattern.len() == path.len() && pattern.iter().zip(&path).all(fits)
    }
}

const fn get(pattern: &'static str, path: &'static str) -> Route {
    Route { method: "GET", pattern, path, reads: false }
}

const fn post(pattern: &'static str) -> Route {
    Route { method: "POST", pattern, path: pattern, reads: true }
}

/// A POST whose body nobody reads.
const fn act(pattern: &'static str, path: &'static str) -> Route {
    Route { method: "POST", pattern, path, reads: false }
}

/// All of them; a test compares this with what the application lists.
pub const ROUTES: &[Route] = &[
    post("/v1/sync"),
    get("/healthz", "/healthz"),
    get("/readyz", "/readyz"),
    get("/metrics", "/metrics"),
    post("/v1/login"),
    post("/v1/refresh"),
    post("/v1/logout"),
    get("/v1/me", "/v1/me"),
    get("/v1/areas", "/v1/areas"),
    get("/v1/ledgers/{type}", "/v1/ledgers/patrol"),
    get("/v1/records/{id}", "/v1/records/4cf387f1-c180-8868-8c86-b19e9ea7f616"),
    get("/v1/records/{id}/history", "/v1/records/4cf387f1-c180-8868-8c86-b19e9ea7f616/history"),
    Route {
        path: "/v1/records/4cf387f1-c180-8868-8c86-b19e9ea7f616/erase",
        ..post("/v1/records/{id}/erase")
    },
    get("/v1/records/{id}/erasures", "/v1/records/4cf387f1-c180-8868-8c86-b19e9ea7f616/erasures"),
    post("/v1/entries"),
    get("/v1/lost", "/v1/lost"),
    get("/v1/refused", "/v1/refused"),
    Route {
        path: "/v1/refused/4cf387f1c18088688c86b19e9ea7f616/1/admit",
        ..post("/v1/refused/{feed}/{n}/admit")
    },
    Route {
        path: "/v1/refused/4cf387f1c18088688c86b19e9ea7f616/1/decline",
        ..post("/v1/refused/{feed}/{n}/decline")
    },
    Route {
        path: "/v1/refused/4cf387f1c18088688c86b19e9ea7f616/1/erase",
        ..post("/v1/refused/{feed}/{n}/erase")
    },
    post("/v1/territory/plans"),
    get("/v1/territory/plans", "/v1/territory/plans"),
    get("/v1/territory/plans/{plan}", "/v1/territory/plans/1"),
    get("/v1/territory/plans/{plan}/report", "/v1/territory/plans/1/report"),
    act("/v1/territory/plans/{plan}/simulate", "/v1/territory/plans/1/simulate"),
    act("/v1/territory/plans/{plan}/approve", "/v1/territory/plans/1/approve"),
    act("/v1/territory/plans/{plan}/apply", "/v1/territory/plans/1/apply"),
    get("/v1/territory/lineage", "/v1/territory/lineage"),
    get("/v1/reads", "/v1/reads"),
    get("/v1/exports", "/v1/exports"),
    post("/v1/exports"),
    act("/v1/exports/{id}/approve", "/v1/exports/1/approve"),
    get("/v1/shares", "/v1/shares"),
    post("/v1/shares"),
    act("/v1/shares/{id}/approve", "/v1/shares/1/approve"),
    Route { method: "DELETE", ..get("/v1/shares/{id}", "/v1/shares/1") },
    get("/v1/shares/{id}/feed", "/v1/shares/1/feed"),
];

/// Whether some route takes this method at this path.
pub fn is_taken(method: &str, path: &str) -> bool {
    let fits = |pattern: &str| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern.zip(path).all(|(named, given)| named.starts_with('{') || named == given)
    };
    ROUTES.iter().any(|route| route.method == method && fits(route.pattern))
}
