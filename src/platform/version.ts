/** Of the service and of its API document; the package's. */
export const VERSION = '0.1.0';
