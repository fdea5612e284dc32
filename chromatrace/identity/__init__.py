"""GS1 Digital Link URIs, QR codes and label sheets, and reading codes from photos.

InvalidInput
├── DigitalLinkError           not a valid GS1 Digital Link URI
├── QrError                    the text does not fit into a QR code
└── ScanError                  no single Digital Link could be read from a picture
    ├── NotAnImageError        the file is not a supported picture
    ├── ImageTooLargeError     the file or picture exceeds a limit
    ├── NoCodeFoundError       the picture has no readable code
    ├── MultipleCodesError     the picture has several different codes
    └── NotADigitalLinkError   the code is not a Digital Link
"""
