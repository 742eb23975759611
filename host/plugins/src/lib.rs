//! Wasm plugins: loaded, called within limits, and held to guard rails.
