/** Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in step. */
export {};
