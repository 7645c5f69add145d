"""N-gram language models: trained, read and written, and walked token by token."""
