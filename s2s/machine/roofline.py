"""The floor of a training step: the time its arithmetic and its bytes need at the least."""


def roofline_seconds(
    *,
    hidden_size: int,
    layers: int,
    vocabulary: int,
    source_tokens: float,
    target_tokens: float,
    product_rate_flops: float,
    copy_rate_bytes: float,
    optimizer_passes: int = 7,
) -> float:
    """Seconds of a step on that many real tokens, EOS included, padding left out.

    With hidden size H, L layers a side, V target words, products at g operations/s and memory at
    c bytes/s (read and write both counted):

        (6*V*H*target + 36*H**2*L*(source + target)) / g + 4*(7*(V*H + V) + 2*V*target) / c

    A product of (N, H) by (H, V) is 2*N*H*V operations, and each weight takes part in three: the
    forward one, the gradient of the inputs and that of the weights; so 6*V*H a target token for
    the output layer. A GRU layer holds 6*H**2 weights, so 36*H**2 a token and layer, counted at
    the rate of the output products, which are larger and faster. The bytes: the optimizer passes
    over the output layer's float32 parameters 7 times (reads weight, gradient and two moments,
    writes all but the gradient, as RMSprop with momentum and Adam do); the logits of each real
    position are written once and read once.

    Left out, since a good program can hide or avoid it: embeddings (rows of absent words need no
    update), the GRUs' own update, exponentials, the drawing of the batch, every call's own cost.
    So 100 % cannot be reached, and at small batches the calls' cost is most of a step.
    """
    products = 6 * vocabulary * hidden_size * target_tokens
    products += 36 * hidden_size**2 * layers * (source_tokens + target_tokens)
    output_parameters = vocabulary * (hidden_size + 1)
    moved_bytes = 4 * (optimizer_passes * output_parameters + 2 * vocabulary * target_tokens)
    return products / product_rate_flops + moved_bytes / copy_rate_bytes
