//! Who may do what: tokens, sessions, issuers, what each sees, and TLS.

mod credentials;
mod denied;
mod matrix;
mod oidc;
mod private_authority;
mod session;
mod sight;
mod start;
mod tls;
mod token_command;
mod tokens;
