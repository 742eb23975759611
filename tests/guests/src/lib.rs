//! Components for tests.
