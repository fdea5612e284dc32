"""eth-abi's codec, with the choices that it leaves open.

- Encoding `bytesN` requires exactly N bytes. By default eth-abi pads shorter values.
- Addresses decode to EIP-55 text. By default they decode to lower case.
- Text that is not UTF-8 decodes with replacement characters. By default it is an error, although Solidity emits it.
"""

from __future__ import annotations

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder, StringDecoder
from eth_abi.encoding import BytesEncoder
from eth_abi.registry import BaseEquals, registry

from chromatrace.domain.addresses import checksummed


class _ExactBytesEncoder(BytesEncoder):
    """Encodes `bytesN` and rejects values of another length."""

    def validate_value(self, value: object) -> None:
        super().validate_value(value)  # type: ignore[no-untyped-call]
        size: int = self.value_bit_size // 8  # type: ignore[operator]
        if isinstance(value, bytes) and len(value) != size:
            self.invalidate_value(value, msg=f"expected {size} bytes, got {len(value)}")


def _codec() -> ABICodec:
    strict = registry.copy()
    strict.unregister_encoder("bytes<M>")
    strict.register_encoder(BaseEquals("bytes", with_sub=True), _ExactBytesEncoder, label="bytes<M>")
    strict.unregister_decoder("address")
    strict.register_decoder(BaseEquals("address"), AddressDecoder(decoder_fn=checksummed), label="address")
    strict.unregister_decoder("string")
    strict.register_decoder(BaseEquals("string"), StringDecoder(handle_string_errors="replace"), label="string")
    return ABICodec(strict)


CODEC = _codec()
