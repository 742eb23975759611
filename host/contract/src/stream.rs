//! A StreamDefinition as the operator keeps it: identity, canonical spec, status.
