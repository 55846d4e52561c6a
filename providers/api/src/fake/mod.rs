//! A programmable cloud behind the same traits as the real ones.
