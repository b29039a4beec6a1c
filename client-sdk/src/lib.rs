//! What a phone app embeds.
