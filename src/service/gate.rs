//! The gate between those who write and the witnesses: `witnessing.rs` says when it opens and shuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether anything may be recorded.
#[derive(Clone)]
pub struct Gate(Arc<AtomicU8>);

const OPEN: u8 = 0;
const WAITING: u8 = 1;
const SHUT: u8 = 2;

impl Gate {
    /// Open.
    pub fn open() -> Gate {
        Gate(Arc::new(AtomicU8::new(OPEN)))
    }

    /// Waiting for witnesses.
    pub fn waiting() -> Gate {
        Gate(Arc::new(AtomicU8::new(WAITING)))
    }

    /// Whether it waits for witnesses.
    pub fn is_waiting(&self) -> bool {
        self.0.load(Ordering::SeqCst) == WAITING
    }

    /// Whether it is shut for good.
    pub fn is_shut(&self) -> bool {
        self.0.load(Ordering::SeqCst) == SHUT
    }

    /// Shuts it for good.
    pub fn shut(&self) {
        self.0.store(SHUT, Ordering::SeqCst);
    }

    /// Opens it, unless it is shut.
    pub fn confirm(&self) {
        let _ = self
            .0
            .compare_exchange(WAITING, OPEN, Ordering::SeqCst, Ordering::SeqCst);
    }
}
