"""A wearer's labelled minutes: stretches → blocks → a small shift of the read-out."""
