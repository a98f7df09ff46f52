//! Auditing a stopped ledger's folder: everything stored is read and checked again.
