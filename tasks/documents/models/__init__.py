"""Networks that read documents."""
