// What may be said with a WebSocket, in the words of workerd.

const LONGEST_REASON_BYTES = 123;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export function checkClose(code: number | undefined, reason: string | undefined): void {
  if (code === undefined) {
    if (reason !== undefined) {
      throw failure("InvalidAccessError", "If you specify a WebSocket close reason, you must also specify a code.");
    }
    return;
  }
  const isGiven = code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
  if (!isGiven) throw failure("InvalidAccessError", `Invalid WebSocket close code: ${code}.`);
  if (new TextEncoder().encode(reason ?? "").byteLength > LONGEST_REASON_BYTES) {
    const limit = `must not be longer than ${LONGEST_REASON_BYTES} bytes when UTF-8 encoded.`;
    throw failure("SyntaxError", `WebSocket close reason ${limit}`);
  }
}

export function checkUrl(given: string): string {
  const url = URL.parse(given);
  if (url === null) throw refusal("The url is invalid.");
  if (url.protocol !== "ws:" && url.protocol !== "wss:") throw refusal("The url scheme must be ws or wss.");
  if (url.hash !== "") throw refusal("The url fragment must be empty.");
  return url.href;
}

export function checkProtocols(given: unknown): string[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) {
    if (!TOKEN.test(String(given))) throw refusal("The protocol header token is invalid.");
    return [String(given)];
  }
  const protocols = given.map(String);
  if (new Set(protocols).size < protocols.length) throw refusal("The protocols header cannot have repeating values.");
  if (!protocols.every((protocol) => TOKEN.test(protocol))) {
    throw refusal("One of the protocol header tokens is invalid.");
  }
  return protocols;
}

function refusal(text: string): DOMException {
  return failure("SyntaxError", `WebSocket Constructor: ${text}`);
}

function failure(name: string, message: string): DOMException {
  return new DOMException(message, name);
}
