//! The OpenAPI document, made from the table of routes, and a page that shows it without asking any other server.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::http::text_answer;
use super::problem;
use super::routes::{ROUTES, Route};
use crate::protocol::hash::Hash;

/// What every path may answer: unreadable, too slow, too long a path, busy, our own fault, stopped or full.
const ALWAYS: [u16; 6] = [400, 408, 414, 429, 500, 503];

/// What every path with a token may answer: no good token, or nothing that its reader may see.
const WITH_TOKEN: [u16; 3] = [401, 403, 404];

/// Schemas of what is taken and answered; docs/FORMATS.md says what the members mean.
const SCHEMAS: &str = include_str!("schemas.json");

const PAGE: &str = include_str!("docs.html");

/// Nothing but this page's own style and script, each by its hash, and the document from this very service.
static PAGE_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash_of(PAGE, "style"),
        hash_of(PAGE, "script")
    );
    HeaderValue::try_from(policy).expect("names and hashes are printable")
});

/// The hash of what stands in the one element of this name, as a Content-Security-Policy writes it.
fn hash_of(page: &str, element: &str) -> String {
    let inside = page
        .split_once(&format!("<{element}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    let (inside, _) = inside.expect("the page has one; a test reads it");
    // Browsers want the alphabet of plain base64; 32 bytes are 43 letters and one mark of filling.
    let hash = Hash::of(&[inside.as_bytes()]).to_base64url();
    format!("'sha256-{}='", hash.replace('-', "+").replace('_', "/"))
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The document.
pub async fn get_document() -> Response {
    text_answer("application/json", DOCUMENT.as_str())
}

/// The page.
pub async fn get_page() -> Response {
    let mut page = text_answer("text/html; charset=utf-8", PAGE);
    page.headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY.clone());
    page
}

fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        // OpenAPI has no parameter that spans segments; the tail of a tile's path is one by name.
        let path = route.path.replace("{*", "{");
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[route.method] = operation(route);
        if route.method == "get" {
            methods["head"] = head_of(&methods["get"]);
        }
    }
    let schemas: Value =
        serde_json::from_str(SCHEMAS).expect("the schemas are JSON; a test reads them");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Custodes",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "A chain-of-custody ledger for digital evidence. Every error is application/problem+json \
                (RFC 9457) with a stable type, a detail that says why, and next: what to do.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"custody": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "Custody <token>: a custody-read+jwt that the reader signs for this one request, good \
                    once and for at most 60 seconds (docs/FORMATS.md).",
            }},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if route.token {
        operation["security"] = json!([{"custody": []}]);
    }
    if !route.takes.is_empty() {
        let content = route
            .takes
            .iter()
            .map(|(kind, schema)| ((*kind).to_owned(), content(kind, schema)));
        let content: Map<String, Value> = content.collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let words = route
        .path
        .split(['/', '{', '}', '*', '.'])
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = [route.method].into_iter().chain(words).collect();
    words.join("-")
}

/// The same without a body.
fn head_of(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = json!(
        get["operationId"]
            .as_str()
            .unwrap_or_default()
            .replacen("get", "head", 1)
    );
    for answer in head["responses"].as_object_mut().into_iter().flatten() {
        if let Some(answer) = answer.1.as_object_mut() {
            answer.remove("content");
        }
    }
    head
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let name = name.trim_start_matches('*');
        let (description, schema) = path_parameter(name);
        json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
    });
    let needed = route.query.iter().map(|one| (one, true));
    let in_query = needed.chain(route.may_query.iter().map(|one| (one, false)));
    let in_query = in_query.map(|((name, pattern, description), required)| {
        let mut schema = json!({"type": "string"});
        if !pattern.is_empty() {
            schema["pattern"] = json!(pattern);
        }
        json!({"name": name, "in": "query", "required": required, "description": description, "schema": schema})
    });
    let in_headers = route.headers.iter().map(|(name, description)| {
        json!({"name": name, "in": "header", "required": false, "description": description, "schema": {"type": "string"}})
    });
    in_path.chain(in_query).chain(in_headers).collect()
}

fn path_parameter(name: &str) -> (&'static str, Value) {
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match name {
        "e" => (
            "SHA-256 of the signed entry, base64url.",
            text("^[A-Za-z0-9_-]{43}$"),
        ),
        "subject" => ("The opaque id.", text("^[A-Za-z0-9_-]{22}$")),
        "sha256" => (
            "SHA-256 of the blob, lower-case hex.",
            text("^[0-9a-f]{64}$"),
        ),
        "kind" => (
            "What it is.",
            json!({"type": "string", "enum": ["exhibits", "cases"]}),
        ),
        "strand" => (
            "Which chain of the subject.",
            json!({"type": "string", "enum": ["custody", "notes", "access", "case", "exhibits", "keys", "rules"]}),
        ),
        "old" | "new" => (
            "A size of the log.",
            json!({"type": "integer", "minimum": 1, "maximum": (1_u64 << 53) - 1}),
        ),
        _ => (
            "Level and number of the tile, as C2SP tlog-tiles writes them.",
            json!({"type": "string", "minLength": 1}),
        ),
    }
}

fn responses(route: &Route) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, kind, schema, meaning) in route.answers {
        let mut types = Map::new();
        types.insert((*kind).to_owned(), content(kind, schema));
        if *schema == "ReceiptOrLines" {
            types.insert(
                "application/json".to_owned(),
                content("application/json", "Receipt"),
            );
            types.insert(
                "application/x-ndjson".to_owned(),
                content("application/x-ndjson", "Lines"),
            );
        }
        responses.insert(
            status.to_string(),
            json!({"description": meaning, "content": types}),
        );
    }
    let mut problems: BTreeSet<u16> = ALWAYS
        .into_iter()
        .chain(route.problems.iter().copied())
        .collect();
    if route.token {
        problems.extend(WITH_TOKEN);
    }
    for status in problems {
        let reason = axum::http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let mut types = Map::new();
        types.insert(problem::MEDIA_TYPE.to_owned(), content("", "Problem"));
        let answer = json!({"description": reason.unwrap_or("Problem"), "content": types});
        responses.insert(status.to_string(), answer);
    }
    responses
}

fn content(kind: &str, schema: &str) -> Value {
    match kind {
        // Bytes and texts are described by their format, not by a schema of JSON.
        "application/octet-stream" | "text/plain" | "text/html" | "application/x-ndjson" => {
            json!({})
        }
        _ => json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}}),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_runs_its_own_script_and_no_other() {
        for element in ["style", "script"] {
            assert_eq!(PAGE.matches(&format!("<{element}")).count(), 1, "{element}");
        }
        assert!(!PAGE.contains("style=") && !PAGE.contains("javascript:"));
        let policy = PAGE_POLICY.to_str().unwrap();
        assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        // `openssl dgst -sha256 -binary | base64` of the letters abc.
        assert_eq!(
            hash_of("<p><b>abc</b>", "b"),
            "'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='"
        );
    }

    #[test]
    fn every_schema_that_a_route_names_is_there_and_every_id_is_one() {
        let document = document();
        let text = document.to_string();
        let mut named = BTreeSet::new();
        for piece in text.split("#/components/schemas/").skip(1) {
            named.insert(piece.split('"').next().unwrap().to_owned());
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in &named {
            assert!(schemas.contains_key(name), "no schema {name}");
        }
        for name in schemas.keys() {
            assert!(named.contains(name), "nobody names the schema {name}");
        }
        let mut ids = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(
                    ids.insert(operation["operationId"].to_string()),
                    "{method} {path}"
                );
                assert!(!operation["summary"].as_str().unwrap().is_empty());
                let answers = operation["responses"].as_object().unwrap();
                assert!(
                    answers.keys().any(|status| status.starts_with('2')),
                    "{method} {path}"
                );
            }
        }
    }
}
