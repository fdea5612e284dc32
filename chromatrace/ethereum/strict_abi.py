"""eth-abi's codec, with the choices that it leaves open.

- Encoding `bytesN` requires exactly N bytes. By default eth-abi pads shorter values.
- Addresses in mixed case must have a valid EIP-55 checksum, and decode to EIP-55 text. By default the checksum is not
  checked, and they decode to lower case.
- Text that is not UTF-8 decodes with replacement characters. By default it is an error, although Solidity emits it.
"""

from __future__ import annotations

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder, StringDecoder
from eth_abi.encoding import AddressEncoder, BytesEncoder
from eth_abi.registry import BaseEquals, registry

from chromatrace.domain.addresses import checksummed, parse_address
from chromatrace.domain.errors import InvalidInput


class _ExactBytesEncoder(BytesEncoder):
    """Encodes `bytesN` and rejects values of another length."""

    def validate_value(self, value: object) -> None:
        super().validate_value(value)  # type: ignore[no-untyped-call]
        size: int = self.value_bit_size // 8  # type: ignore[operator]
        if isinstance(value, bytes) and len(value) != size:
            self.invalidate_value(value, msg=f"expected {size} bytes, got {len(value)}")


class _ChecksumAddressEncoder(AddressEncoder):
    """Encodes addresses and rejects an invalid EIP-55 checksum."""

    @classmethod
    def validate_value(cls, value: object) -> None:
        super().validate_value(value)  # type: ignore[no-untyped-call]
        if isinstance(value, str):
            try:
                parse_address(value)
            except InvalidInput as error:
                cls.invalidate_value(value, msg=error.message)


def _codec() -> ABICodec:
    strict = registry.copy()
    strict.unregister_encoder("bytes<M>")
    strict.register_encoder(BaseEquals("bytes", with_sub=True), _ExactBytesEncoder, label="bytes<M>")
    strict.unregister("address")
    strict.register_encoder(BaseEquals("address"), _ChecksumAddressEncoder, label="address")
    strict.register_decoder(BaseEquals("address"), AddressDecoder(decoder_fn=checksummed), label="address")
    strict.unregister_decoder("string")
    strict.register_decoder(BaseEquals("string"), StringDecoder(handle_string_errors="replace"), label="string")
    return ABICodec(strict)


CODEC = _codec()
