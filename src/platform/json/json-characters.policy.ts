/** The characters that JSON is built with, as code units and, since they are ASCII, as bytes of UTF-8. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COLON = 0x3a;
export const COMMA = 0x2c;
export const OPENING_LIST = 0x5b;
export const CLOSING_LIST = 0x5d;
export const OPENING_OBJECT = 0x7b;
export const CLOSING_OBJECT = 0x7d;
export const ZERO = 0x30;
export const NINE = 0x39;
