"""What stands on the goods: GS1 Digital Link URIs, QR codes, label sheets, and reading them back from a photo.

InvalidInput
├── DigitalLinkError        not a GS1 Digital Link URI, or one that breaks a rule of the standard
├── QrError                 a text that does not fit into the QR code asked for
└── ScanError               no single code could be read from a picture
    ├── NotAnImageError
    ├── ImageTooLargeError
    ├── NoCodeFoundError
    ├── MultipleCodesError
    └── NotADigitalLinkError
"""
