//! Why checkpoints cannot be witnessed.

use crate::storage::StoreError;

/// Why witnessing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessingError {
    /// Storage.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The quorum cannot be had.
    #[error(
        "the witness policy demands a quorum that its witnesses with an address cannot give; write the address \
         after the key of each witness line"
    )]
    NoAddress,
}
