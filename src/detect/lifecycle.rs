//! Carries findings from scan to scan.
