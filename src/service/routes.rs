//! Every path of the service, with what it takes and answers. The router and the OpenAPI document are both made from
//! this table, so that neither can say something that the other does not.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post, put};

use super::http::{self, App};
use super::{auditing, auditors, blobs, chain_ends, metrics, openapi, public_log, submit, views};

/// One method of one path.
pub struct Route {
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// Method, lower case; where it is `get`, `head` works too.
    pub method: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Whether it needs a read token.
    pub token: bool,
    /// Query parameters that it needs: name, pattern, what it is.
    pub query: &'static [(&'static str, &'static str, &'static str)],
    /// Query parameters that may be left out, likewise.
    pub may_query: &'static [(&'static str, &'static str, &'static str)],
    /// Headers that it heeds: name, what it is.
    pub headers: &'static [(&'static str, &'static str)],
    /// Bodies that it takes: media type and schema.
    pub takes: &'static [(&'static str, &'static str)],
    /// Successes: status, media type, schema, what it means.
    pub answers: &'static [(u16, &'static str, &'static str, &'static str)],
    /// Statuses of problems, beyond those that every path or every token may give.
    pub problems: &'static [u16],
    /// What answers.
    pub handler: fn() -> MethodRouter<Arc<App>>,
}

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const TEXT: &str = "text/plain";
const BYTES: &str = "application/octet-stream";

/// What most routes have: public, no parameters beyond the path's.
const PLAIN: Route = Route {
    path: "/",
    method: "get",
    summary: "",
    token: false,
    query: &[],
    may_query: &[],
    headers: &[],
    takes: &[],
    answers: &[],
    problems: &[],
    handler: || MethodRouter::new(),
};

const CASE: (&str, &str, &str) = (
    "case",
    "^[A-Za-z0-9_-]{22}$",
    "For an exhibit that stands in several cases: the one under which it is read, and on whose record the reading goes.",
);
const PART: &[(&str, &str, &str)] = &[
    CASE,
    (
        "strand",
        "^(custody|notes|access|case|exhibits)$",
        "One strand alone.",
    ),
    (
        "from",
        "^[0-9]+$",
        "The place of the log to begin at: the `next` of the answer before.",
    ),
];

/// The table.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/v1/entries",
        method: "post",
        summary: "Submit a signed entry, or a batch of them, one a line. The entry's own signature says who submits.",
        takes: &[(JSON, "Submission"), (LINES, "Lines")],
        answers: &[
            (
                201,
                JSON,
                "Receipt",
                "Recorded: on disk, in the tree, under a signed checkpoint.",
            ),
            (
                200,
                JSON,
                "ReceiptOrLines",
                "The same bytes were recorded before; or, for a batch, a result for each line.",
            ),
        ],
        problems: &[401, 403, 408, 409, 413, 415, 422, 429],
        handler: || post(submit::post_entries),
        ..PLAIN
    },
    Route {
        path: "/v1/entries/{e}",
        summary: "One entry, with the details that you may see. That you read it becomes part of the record.",
        token: true,
        answers: &[(200, JSON, "Entry", "The entry.")],
        handler: || get(views::get_entry),
        ..PLAIN
    },
    Route {
        path: "/v1/entries/{e}/receipt",
        summary: "The receipt of an entry under the newest checkpoint.",
        token: true,
        answers: &[(200, JSON, "Receipt", "The receipt.")],
        handler: || get(views::get_receipt),
        ..PLAIN
    },
    Route {
        path: "/v1/entries/{e}/proof",
        summary: "The inclusion proof of an entry as a C2SP .tlog-proof file.",
        token: true,
        answers: &[(200, TEXT, "Text", "The proof.")],
        handler: || get(views::get_proof),
        ..PLAIN
    },
    Route {
        path: "/v1/heads/{subject}/{strand}",
        summary: "Length and last entry of a chain, which the next entry of it must name.",
        token: true,
        answers: &[(
            200,
            JSON,
            "Head",
            "The head; length 0 where there is no such chain, or it is not yours to write to.",
        )],
        handler: || get(views::get_head),
        ..PLAIN
    },
    Route {
        path: "/v1/{kind}/{subject}/history",
        summary: "The entries of an exhibit or case that you may see. That you read them becomes part of the record.",
        may_query: PART,
        token: true,
        answers: &[(
            200,
            JSON,
            "History",
            "The entries, by log index: 1000 at most, or about 4 MiB. Where there are more, `next` says where they begin.",
        )],
        handler: || get(views::get_history),
        ..PLAIN
    },
    Route {
        path: "/v1/{kind}/{subject}/bundle",
        summary: "Everything needed to check an exhibit or case offline. That you took it becomes part of the record.",
        may_query: &[
            CASE,
            (
                "audited",
                "^(true|false)$",
                "Whether it is to end where an auditor has recomputed the map.",
            ),
            (
                "report",
                "^(true|false)$",
                "Whether it is taken to make a report of it, which the record of the reading then says.",
            ),
        ],
        token: true,
        problems: &[409],
        answers: &[(
            200,
            JSON,
            "Bundle",
            "The bundle, as docs/FORMATS.md specifies it.",
        )],
        handler: || get(views::get_bundle),
        ..PLAIN
    },
    Route {
        path: "/v1/{kind}/{subject}/completeness",
        summary: "How long the chains of an exhibit or case are, proven by the map of a published checkpoint. No content, so it leaves no entry.",
        may_query: &[
            CASE,
            (
                "audited",
                "^(true|false)$",
                "Whether it is to be the newest checkpoint up to which an auditor has recomputed the map.",
            ),
        ],
        token: true,
        problems: &[409],
        answers: &[(
            200,
            JSON,
            "ChainEnds",
            "The ends of the chains, as docs/FORMATS.md specifies them.",
        )],
        handler: || get(chain_ends::get_completeness),
        ..PLAIN
    },
    Route {
        path: "/v1/lookup",
        summary: "Exhibits whose bytes have this SHA-256, among those that you may see.",
        token: true,
        query: &[(
            "sha256",
            "^[0-9a-fA-F]{64}$",
            "SHA-256 of the file, in hex.",
        )],
        answers: &[(200, JSON, "Exhibits", "The exhibits.")],
        handler: || get(views::get_lookup),
        ..PLAIN
    },
    Route {
        path: "/v1/resolve",
        summary: "What a reference such as \"44NS1234526 JSM/1\" stands for, among what you may see.",
        token: true,
        query: &[("reference", "", "The reference.")],
        answers: &[(
            200,
            JSON,
            "Matches",
            "What it stands for; empty if nothing.",
        )],
        handler: || get(views::get_resolve),
        ..PLAIN
    },
    Route {
        path: "/v1/blobs/{sha256}",
        method: "put",
        summary: "Put a blob of up to 64 MiB under its SHA-256, whole or, with Content-Range, the next piece of it.",
        token: true,
        headers: &[(
            "Content-Range",
            "bytes FIRST-LAST/TOTAL; the token's body is then the SHA-256 of the piece.",
        )],
        takes: &[(BYTES, "Bytes")],
        answers: &[
            (201, JSON, "Progress", "The whole is kept."),
            (
                202,
                JSON,
                "Progress",
                "The piece is kept; go on at byte `have`.",
            ),
        ],
        problems: &[409, 410, 413, 507],
        handler: || put(blobs::put_blob).layer(DefaultBodyLimit::disable()),
        ..PLAIN
    },
    Route {
        path: "/v1/blobs/{sha256}",
        summary: "A blob that an entry refers to, under the rights of the exhibit. That you read it is recorded.",
        token: true,
        headers: &[("Range", "bytes=FIRST-LAST: a part of it.")],
        answers: &[
            (200, BYTES, "Bytes", "The blob."),
            (206, BYTES, "Bytes", "The part that was asked for."),
        ],
        problems: &[416],
        handler: || get(blobs::get_blob),
        ..PLAIN
    },
    Route {
        path: "/v1/blobs/{sha256}/upload",
        summary: "How far your own upload of a blob got.",
        token: true,
        answers: &[(200, JSON, "Progress", "Bytes kept so far.")],
        handler: || get(blobs::get_upload),
        ..PLAIN
    },
    Route {
        path: "/v1/audit",
        summary: "For auditors: everything stored, read and checked again as it is now. One at a time.",
        token: true,
        answers: &[(
            200,
            LINES,
            "Lines",
            "How far it is, each second; each finding; at the end the outcome.",
        )],
        handler: || get(auditing::get_audit),
        ..PLAIN
    },
    Route {
        path: "/v1/log",
        summary: "For auditors: every place of the published log from one on, up to 1000, without details; the last line \
                  says how many there are. That you read it becomes part of the record.",
        token: true,
        query: &[("from", "^[0-9]{1,16}$", "The first place wanted.")],
        answers: &[(
            200,
            LINES,
            "Lines",
            "{\"index\",\"recorded_at\",\"jws\"} for an entry, {\"index\",\"map\"} for a map leaf; then {\"size\"}.",
        )],
        handler: || get(auditors::get_log),
        ..PLAIN
    },
    Route {
        path: "/v1/cosignatures",
        method: "post",
        summary: "From auditors who recomputed the map: a published checkpoint with their cosignature behind it.",
        takes: &[(TEXT, "Text")],
        answers: &[(200, JSON, "Cosigned", "It is kept with the checkpoint.")],
        problems: &[400, 403, 413, 415],
        handler: || post(auditors::post_cosignature).layer(DefaultBodyLimit::max(1 << 20)),
        ..PLAIN
    },
    Route {
        path: "/v1/security-log",
        summary: "What was refused, for auditors: signed records from a position on, up to 1000; the last line says how \
                  many there are. That you read it becomes part of the record.",
        token: true,
        query: &[(
            "from",
            "^[0-9]{1,16}$",
            "Position of the first record wanted.",
        )],
        answers: &[(
            200,
            LINES,
            "Lines",
            "{\"record\"} a line, then {\"length\",\"head\"}; docs/FORMATS.md says what a record holds.",
        )],
        handler: || get(views::get_security_log),
        ..PLAIN
    },
    Route {
        path: "/v1/ledger",
        summary: "What this ledger is: origin, genesis, log key, size.",
        answers: &[(200, JSON, "Ledger", "The ledger.")],
        handler: || get(public_log::get_ledger),
        ..PLAIN
    },
    Route {
        path: "/v1/rules",
        summary: "The rules of custody, as a table.",
        answers: &[(200, JSON, "Rules", "The table whose SHA-256 genesis names.")],
        handler: || get(public_log::get_rules),
        ..PLAIN
    },
    Route {
        path: "/schemas/{event}",
        summary: "The JSON Schema of an event's body, made from the rules; the name may end in .json.",
        answers: &[(200, JSON, "JsonSchema", "The schema.")],
        problems: &[404],
        handler: || get(public_log::get_schema),
        ..PLAIN
    },
    Route {
        path: "/v1/consistency/{old}/{new}",
        summary: "Proof that the log of one size is a beginning of the log of another (RFC 6962), and the root of the smaller.",
        answers: &[(200, JSON, "Proof", "The proof and the root.")],
        handler: || get(public_log::get_consistency),
        ..PLAIN
    },
    Route {
        path: "/checkpoint",
        summary: "The newest published checkpoint (C2SP tlog-checkpoint).",
        answers: &[(200, TEXT, "Text", "The signed note.")],
        problems: &[404],
        handler: || get(public_log::get_checkpoint),
        ..PLAIN
    },
    Route {
        path: "/tile/{*path}",
        summary: "A tile of the log, or of its entries (C2SP tlog-tiles).",
        answers: &[(200, BYTES, "Bytes", "The tile.")],
        problems: &[404],
        handler: || get(public_log::get_tile),
        ..PLAIN
    },
    Route {
        path: "/healthz",
        summary: "Whether the process answers.",
        answers: &[(200, TEXT, "Text", "It does.")],
        handler: || get(async || http::text_answer("text/plain; charset=utf-8", "ok\n")),
        ..PLAIN
    },
    Route {
        path: "/readyz",
        summary: "Whether the service takes entries; after a storage failure it only reads.",
        answers: &[(200, TEXT, "Text", "It does.")],
        handler: || get(http::ready),
        ..PLAIN
    },
    Route {
        path: "/metrics",
        summary: "Prometheus metrics, on a listener that only this machine reaches and not through a proxy.",
        answers: &[(200, TEXT, "Text", "The metrics.")],
        problems: &[404],
        handler: || get(metrics::get_metrics),
        ..PLAIN
    },
    Route {
        path: "/openapi.json",
        summary: "This document.",
        answers: &[(200, JSON, "OpenApi", "OpenAPI 3.1.")],
        handler: || get(openapi::get_document),
        ..PLAIN
    },
    Route {
        path: "/docs",
        summary: "This document as a page to read.",
        answers: &[(200, "text/html", "Text", "The page.")],
        handler: || get(openapi::get_page),
        ..PLAIN
    },
];
