"""Networks that classify scans."""
