// What R2 refuses: `<action>: <words> (<code>)`.

export interface Refusal {
  code: number;
  words: string;
}

export const codes = {
  internal: { code: 10001, words: "We encountered an internal error. Please try again." },
  tooSmall: { code: 10011, words: "Your proposed upload is smaller than the minimum allowed object size." },
  metadataTooLarge: { code: 10012, words: "Your metadata headers exceed the maximum allowed metadata size." },
  invalidName: { code: 10020, words: "The specified object name is not valid." },
  invalidMaxKeys: { code: 10022, words: "MaxKeys params must be positive integer <= 1000." },
  noSuchUpload: { code: 10024, words: "The specified multipart upload does not exist." },
  invalidPart: { code: 10025, words: "One or more of the specified parts could not be found." },
  invalidRange: { code: 10039, words: "The requested range is not satisfiable" },
  badUpload: { code: 10048, words: "There was a problem with the multipart upload." },
} as const satisfies Record<string, Refusal>;

export function r2Error(action: string, { code, words }: Refusal): Error {
  return new Error(`${action}: ${words} (${code})`);
}

export function badDigest(algorithm: string, { given, actual }: { given: string; actual: string }): Error {
  return r2Error("put", {
    code: 10037,
    words: [
      `The ${algorithm} checksum you specified did not match what we received.`,
      `You provided a ${algorithm} checksum with value: ${given}`,
      `Actual ${algorithm} was: ${actual}`,
    ].join("\n"),
  });
}
