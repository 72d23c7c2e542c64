"""The GRU encoder and decoder, the masked loss, and decoding."""
