// Forms in bodies: how workerd writes them and how it reads them.
import { native } from "../native.js";

const URL_ENCODED = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

/** Asked without touching the class: Node loads all of undici for it. */
export function isFormData(value: object): value is FormData {
  return Object.prototype.toString.call(value) === "[object FormData]";
}

/** The body of a form: a text where it holds no files. */
export function writeForm(form: FormData): { body: string | Blob; type: string } {
  const boundary = native.crypto.randomUUID().replaceAll("-", "");
  const parts: (string | Blob)[] = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"`;
    if (typeof value === "string") {
      parts.push(`${head}\r\n\r\n${value}\r\n`);
    } else {
      const type = value.type || "application/octet-stream";
      parts.push(`${head}; filename="${escaped(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`, value, "\r\n");
    }
  }
  parts.push(`--${boundary}--`);
  const texts = parts.filter((part) => typeof part === "string");
  return {
    body: texts.length === parts.length ? texts.join("") : new Blob(parts),
    type: `${MULTIPART}; boundary=${boundary}`,
  };
}

export function readForm(bytes: Uint8Array, contentType: string | null): FormData {
  if (contentType === null) throw new TypeError("Parsing a Body as FormData requires a Content-Type header.");
  const [, essence = ""] = /^\s*([^;]*?)\s*(?:;|$)/.exec(contentType.toLowerCase()) ?? [];
  if (essence === URL_ENCODED) return readUrlEncoded(new TextDecoder().decode(bytes));
  if (essence === MULTIPART) return readMultipart(bytes, boundaryOf(contentType));
  throw new TypeError(
    `Unrecognized Content-Type header value. FormData can only parse the following MIME types: ${MULTIPART}, ${URL_ENCODED}`,
  );
}

/** Line ends stay as they are, as in workerd. */
function escaped(name: string): string {
  return name.replaceAll('"', "%22").replaceAll("\n", "%0A");
}

function readUrlEncoded(text: string): FormData {
  const form = new FormData();
  for (const [name, value] of new URLSearchParams(text)) form.append(name, value);
  return form;
}

function boundaryOf(contentType: string): string {
  const [, quoted, bare] = /;\s*boundary=(?:"([^"]*)"|([^;\s]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary !== undefined) return boundary;
  throw new TypeError(
    "No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4.",
  );
}

function readMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData();
  // One character a byte: places in the text are places in the bytes.
  const text = native.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const delimiter = `--${boundary}`;
  let at = text.indexOf(delimiter);
  if (at === -1) throw new TypeError("No initial boundary string (or you have a truncated message).");
  at += delimiter.length;
  while (!text.startsWith("--", at)) {
    const start = startOfContent(text, at);
    const head = decodeLatin1(text.slice(at, start));
    const next = nextDelimiter(text, start, delimiter);
    appendPart(form, head, bytes.subarray(start, next.at));
    at = next.at + next.length;
  }
  return form;
}

/** Behind the empty line that ends a part's headers. */
function startOfContent(text: string, at: number): number {
  const empty = /\r?\n\r?\n/g;
  empty.lastIndex = at;
  if (empty.exec(text) === null) throw new TypeError("No headers found in FormData part.");
  return empty.lastIndex;
}

function nextDelimiter(text: string, from: number, delimiter: string): { at: number; length: number } {
  const found = text.indexOf(`\n${delimiter}`, from - 1);
  if (found === -1) throw new TypeError("No subsequent boundary string after multipart message.");
  const carriageReturn = found > from && text[found - 1] === "\r" ? 1 : 0;
  const at = Math.max(from, found - carriageReturn);
  return { at, length: found + 1 + delimiter.length - at };
}

function appendPart(form: FormData, head: string, content: Uint8Array): void {
  const disposition = /^content-disposition:\s*form-data\s*((?:;.*)?)$/im.exec(head)?.[1]?.trim();
  if (disposition === undefined) throw new TypeError("No valid Content-Disposition header found in FormData part.");
  const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1];
  if (name === undefined) throw new TypeError("Content-Disposition header in FormData part is missing a name.");
  const filename = /;\s*filename="([^"]*)"/i.exec(disposition)?.[1];
  if (filename === undefined) {
    form.append(name, new TextDecoder().decode(content));
    return;
  }
  const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1] ?? "";
  form.append(name, new File([content.slice()], filename, { type }));
}

function decodeLatin1(text: string): string {
  return native.Buffer.from(text, "latin1").toString("utf8");
}
